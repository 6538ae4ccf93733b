/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libc functions the shim answers: one row each. From this table follow
 * the pointers to libc's own functions (libc_x), their resolution, and the
 * export map (shim/exports.awk reads the rows of this file).
 *
 * CALL(name, return type, arguments)   answered by shim_name
 * ALIAS(name, of)                      another name that libc exports for it
 *
 * This file has no include guard: define CALL and ALIAS, then include it.
 */

/* socket.c */
CALL(socket, int, (int domain, int type, int protocol))
CALL(socketpair, int, (int domain, int type, int protocol, int sv[2]))
CALL(bind, int, (int fd, const struct sockaddr *addr, socklen_t len))
CALL(listen, int, (int fd, int backlog))
CALL(accept, int, (int fd, struct sockaddr *addr, socklen_t *len))
CALL(accept4, int, (int fd, struct sockaddr *addr, socklen_t *len, int flags))
CALL(connect, int, (int fd, const struct sockaddr *addr, socklen_t len))
CALL(shutdown, int, (int fd, int how))
CALL(getsockname, int, (int fd, struct sockaddr *addr, socklen_t *len))
CALL(getpeername, int, (int fd, struct sockaddr *addr, socklen_t *len))
CALL(getsockopt, int,
     (int fd, int level, int name, void *val, socklen_t *len))
CALL(setsockopt, int,
     (int fd, int level, int name, const void *val, socklen_t len))
CALL(sockatmark, int, (int fd))
ALIAS(__connect, connect)

/* io.c */
CALL(read, ssize_t, (int fd, void *buf, size_t len))
CALL(write, ssize_t, (int fd, const void *buf, size_t len))
CALL(readv, ssize_t, (int fd, const struct iovec *iov, int iovcnt))
CALL(writev, ssize_t, (int fd, const struct iovec *iov, int iovcnt))
CALL(recv, ssize_t, (int fd, void *buf, size_t len, int flags))
CALL(recvfrom, ssize_t,
     (int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
      socklen_t *addrlen))
CALL(recvmsg, ssize_t, (int fd, struct msghdr *msg, int flags))
CALL(recvmmsg, int,
     (int fd, struct mmsghdr *vec, unsigned int n, int flags,
      struct timespec *timeout))
CALL(send, ssize_t, (int fd, const void *buf, size_t len, int flags))
CALL(sendto, ssize_t,
     (int fd, const void *buf, size_t len, int flags,
      const struct sockaddr *addr, socklen_t addrlen))
CALL(sendmsg, ssize_t, (int fd, const struct msghdr *msg, int flags))
CALL(sendmmsg, int,
     (int fd, struct mmsghdr *vec, unsigned int n, int flags))
CALL(__read_chk, ssize_t, (int fd, void *buf, size_t len, size_t size))
CALL(__recv_chk, ssize_t,
     (int fd, void *buf, size_t len, size_t size, int flags))
CALL(__recvfrom_chk, ssize_t,
     (int fd, void *buf, size_t len, size_t size, int flags,
      struct sockaddr *addr, socklen_t *addrlen))
ALIAS(__read, read)
ALIAS(__write, write)
ALIAS(__send, send)

/* sendfile.c */
CALL(sendfile, ssize_t, (int out, int in, off_t *offset, size_t count))
CALL(splice, ssize_t,
     (int in, off64_t *in_off, int out, off64_t *out_off, size_t len,
      unsigned int flags))
ALIAS(sendfile64, sendfile)

/* poll.c */
CALL(poll, int, (struct pollfd *fds, nfds_t n, int timeout_ms))
CALL(ppoll, int,
     (struct pollfd *fds, nfds_t n, const struct timespec *timeout,
      const sigset_t *mask))
CALL(__poll_chk, int,
     (struct pollfd *fds, nfds_t n, int timeout_ms, size_t size))
CALL(__ppoll_chk, int,
     (struct pollfd *fds, nfds_t n, const struct timespec *timeout,
      const sigset_t *mask, size_t size))
CALL(select, int,
     (int n, fd_set *rd, fd_set *wr, fd_set *ex, struct timeval *timeout))
CALL(pselect, int,
     (int n, fd_set *rd, fd_set *wr, fd_set *ex,
      const struct timespec *timeout, const sigset_t *mask))
ALIAS(__poll, poll)
ALIAS(__select, select)

/* epoll.c */
CALL(epoll_ctl, int, (int epfd, int op, int fd, struct epoll_event *event))
CALL(epoll_wait, int,
     (int epfd, struct epoll_event *events, int max, int timeout_ms))
CALL(epoll_pwait, int,
     (int epfd, struct epoll_event *events, int max, int timeout_ms,
      const sigset_t *mask))
CALL(epoll_pwait2, int,
     (int epfd, struct epoll_event *events, int max,
      const struct timespec *timeout, const sigset_t *mask))

/* fd.c */
CALL(close, int, (int fd))
CALL(close_range, int, (unsigned int first, unsigned int last, int flags))
CALL(closefrom, void, (int first))
CALL(fclose, int, (FILE *stream))
CALL(fdopen, FILE *, (int fd, const char *mode))
CALL(dup, int, (int fd))
CALL(dup2, int, (int fd, int target))
CALL(dup3, int, (int fd, int target, int flags))
CALL(fcntl, int, (int fd, int cmd, ...))
CALL(ioctl, int, (int fd, unsigned long request, ...))
CALL(pread, ssize_t, (int fd, void *buf, size_t len, off_t offset))
CALL(pwrite, ssize_t, (int fd, const void *buf, size_t len, off_t offset))
ALIAS(__close, close)
ALIAS(__dup2, dup2)
ALIAS(fcntl64, fcntl)
ALIAS(__fcntl, fcntl)
ALIAS(pread64, pread)
ALIAS(__pread64, pread)
ALIAS(pwrite64, pwrite)
ALIAS(__pwrite64, pwrite)

/* process.c */
CALL(_exit, void, (int status))
CALL(quick_exit, void, (int status))
CALL(sigaction, int,
     (int sig, const struct sigaction *act, struct sigaction *old))
CALL(signal, sighandler_t, (int sig, sighandler_t handler))
ALIAS(_Exit, _exit)
ALIAS(__sigaction, sigaction)
ALIAS(bsd_signal, signal)

/* exec.c */
CALL(execve, int, (const char *path, char *const argv[], char *const envp[]))
CALL(execv, int, (const char *path, char *const argv[]))
CALL(execvp, int, (const char *file, char *const argv[]))
CALL(execvpe, int, (const char *file, char *const argv[], char *const envp[]))
CALL(fexecve, int, (int fd, char *const argv[], char *const envp[]))
CALL(execl, int, (const char *path, const char *arg, ...))
CALL(execlp, int, (const char *file, const char *arg, ...))
CALL(execle, int, (const char *path, const char *arg, ...))

/* names.c */
CALL(getaddrinfo, int,
     (const char *node, const char *service, const struct addrinfo *hints,
      struct addrinfo **ret))
CALL(gethostbyname, struct hostent *, (const char *name))
CALL(gethostbyname2, struct hostent *, (const char *name, int family))
CALL(gethostbyname_r, int,
     (const char *name, struct hostent *ret, char *buf, size_t len,
      struct hostent **result, int *h_err))
CALL(gethostbyname2_r, int,
     (const char *name, int family, struct hostent *ret, char *buf,
      size_t len, struct hostent **result, int *h_err))
CALL(gethostbyaddr, struct hostent *,
     (const void *addr, socklen_t len, int family))
CALL(getnameinfo, int,
     (const struct sockaddr *addr, socklen_t addrlen, char *host,
      socklen_t hostlen, char *serv, socklen_t servlen, int flags))

/* ifaces.c */
CALL(if_nametoindex, unsigned int, (const char *name))
CALL(if_indextoname, char *, (unsigned int index, char *name))
CALL(if_nameindex, struct if_nameindex *, (void))
CALL(getifaddrs, int, (struct ifaddrs **ret))
