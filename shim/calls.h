/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libc functions the shim answers: one row each. From this table follow
 * the pointers to libc's own functions (libc_x), their resolution, and the
 * export map (shim/exports.awk reads the rows of this file).
 *
 * CALL(name, return type, arguments)   answered by shim_name
 * ALIAS(name, of)                      another name that libc exports for it
 * NUMBER(name, call)                   the system call of that name, when a
 *                                      program makes it by syscall(); its
 *                                      arguments are a, b, c, d, e, f (long)
 *
 * What libc exports besides stands in shim/doors.txt with the reason; a name
 * in neither is found by tests/check-exports.
 *
 * This file has no include guard: define CALL, ALIAS or NUMBER, then include
 * it; the others are nothing then, and all are undefined at the end.
 */
#ifndef CALL
#define CALL(name, ret, args)
#endif
#ifndef ALIAS
#define ALIAS(name, of)
#endif
#ifndef NUMBER
#define NUMBER(name, call)
#endif

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
ALIAS(__socket, socket)
NUMBER(socket, shim_socket((int)a, (int)b, (int)c))
NUMBER(socketpair, shim_socketpair((int)a, (int)b, (int)c, (int *)d))
NUMBER(bind, shim_bind((int)a, (void *)b, (socklen_t)c))
NUMBER(listen, shim_listen((int)a, (int)b))
NUMBER(accept, shim_accept((int)a, (void *)b, (void *)c))
NUMBER(accept4, shim_accept4((int)a, (void *)b, (void *)c, (int)d))
NUMBER(connect, shim_connect((int)a, (void *)b, (socklen_t)c))
NUMBER(shutdown, shim_shutdown((int)a, (int)b))
NUMBER(getsockname, shim_getsockname((int)a, (void *)b, (void *)c))
NUMBER(getpeername, shim_getpeername((int)a, (void *)b, (void *)c))
NUMBER(getsockopt,
       shim_getsockopt((int)a, (int)b, (int)c, (void *)d, (void *)e))
NUMBER(setsockopt,
       shim_setsockopt((int)a, (int)b, (int)c, (void *)d, (socklen_t)e))

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
ALIAS(__recv, recv)
ALIAS(__send, send)
ALIAS(__sendmmsg, sendmmsg)
NUMBER(read, shim_read((int)a, (void *)b, (size_t)c))
NUMBER(write, shim_write((int)a, (void *)b, (size_t)c))
NUMBER(readv, shim_readv((int)a, (void *)b, (int)c))
NUMBER(writev, shim_writev((int)a, (void *)b, (int)c))
NUMBER(recvfrom, shim_recvfrom((int)a, (void *)b, (size_t)c, (int)d,
			       (void *)e, (void *)f))
NUMBER(recvmsg, shim_recvmsg((int)a, (void *)b, (int)c))
NUMBER(recvmmsg, shim_recvmmsg((int)a, (void *)b, (unsigned int)c, (int)d,
			       (void *)e))
NUMBER(sendto, shim_sendto((int)a, (void *)b, (size_t)c, (int)d, (void *)e,
			   (socklen_t)f))
NUMBER(sendmsg, shim_sendmsg((int)a, (void *)b, (int)c))
NUMBER(sendmmsg, shim_sendmmsg((int)a, (void *)b, (unsigned int)c, (int)d))

/* vector.c; the others that give an offset get the kernel's ESPIPE */
CALL(preadv2, ssize_t,
     (int fd, const struct iovec *iov, int iovcnt, off_t offset, int flags))
CALL(pwritev2, ssize_t,
     (int fd, const struct iovec *iov, int iovcnt, off_t offset, int flags))
ALIAS(preadv64v2, preadv2)
ALIAS(pwritev64v2, pwritev2)
NUMBER(preadv2, shim_preadv2((int)a, (void *)b, (int)c, (off_t)d, (int)f))
NUMBER(pwritev2, shim_pwritev2((int)a, (void *)b, (int)c, (off_t)d, (int)f))

/* sendfile.c */
CALL(sendfile, ssize_t, (int out, int in, off_t *offset, size_t count))
ALIAS(sendfile64, sendfile)
NUMBER(sendfile, shim_sendfile((int)a, (int)b, (void *)c, (size_t)d))

/* splice.c */
CALL(splice, ssize_t,
     (int in, off64_t *in_off, int out, off64_t *out_off, size_t len,
      unsigned int flags))
NUMBER(splice, shim_splice((int)a, (void *)b, (int)c, (void *)d, (size_t)e,
			   (unsigned int)f))

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
#ifdef SYS_poll
NUMBER(poll, shim_poll((void *)a, (nfds_t)b, (int)c))
NUMBER(select,
       shim_select((int)a, (void *)b, (void *)c, (void *)d, (void *)e))
#endif
NUMBER(ppoll, shim_ppoll((void *)a, (nfds_t)b, (void *)c, (void *)d))
NUMBER(pselect6,
       shim_pselect((int)a, (void *)b, (void *)c, (void *)d, (void *)e,
		    f ? *(const sigset_t **)f : NULL))

/* epoll.c */
CALL(epoll_create, int, (int size))
CALL(epoll_create1, int, (int flags))
CALL(epoll_ctl, int, (int epfd, int op, int fd, struct epoll_event *event))
CALL(epoll_wait, int,
     (int epfd, struct epoll_event *events, int max, int timeout_ms))
CALL(epoll_pwait, int,
     (int epfd, struct epoll_event *events, int max, int timeout_ms,
      const sigset_t *mask))
CALL(epoll_pwait2, int,
     (int epfd, struct epoll_event *events, int max,
      const struct timespec *timeout, const sigset_t *mask))
NUMBER(epoll_create1, shim_epoll_create1((int)a))
#ifdef SYS_epoll_create
NUMBER(epoll_create, shim_epoll_create((int)a))
#endif
#ifdef SYS_epoll_wait
NUMBER(epoll_wait, shim_epoll_wait((int)a, (void *)b, (int)c, (int)d))
#endif
NUMBER(epoll_ctl, shim_epoll_ctl((int)a, (int)b, (int)c, (void *)d))
NUMBER(epoll_pwait,
       shim_epoll_pwait((int)a, (void *)b, (int)c, (int)d, (void *)e))
NUMBER(epoll_pwait2, shim_epoll_pwait2((int)a, (void *)b, (int)c, (void *)d,
				       (void *)e))

/* fd.c */
CALL(close, int, (int fd))
CALL(close_range, int, (unsigned int first, unsigned int last, int flags))
CALL(closefrom, void, (int first))
CALL(dup, int, (int fd))
CALL(dup2, int, (int fd, int target))
CALL(dup3, int, (int fd, int target, int flags))
CALL(fcntl, int, (int fd, int cmd, ...))
CALL(ioctl, int, (int fd, unsigned long request, ...))
ALIAS(__close, close)
ALIAS(__dup2, dup2)
ALIAS(fcntl64, fcntl)
ALIAS(__fcntl, fcntl)
NUMBER(close, shim_close((int)a))
NUMBER(close_range,
       shim_close_range((unsigned int)a, (unsigned int)b, (int)c))
NUMBER(dup, shim_dup((int)a))
#ifdef SYS_dup2
NUMBER(dup2, shim_dup2((int)a, (int)b))
#endif
NUMBER(dup3, shim_dup3((int)a, (int)b, (int)c))
NUMBER(fcntl, shim_fcntl((int)a, (int)b, (void *)c))
NUMBER(ioctl, shim_ioctl((int)a, (unsigned long)b, (void *)c))

/* confine.c */
CALL(prctl, int, (int option, ...))
NUMBER(prctl, shim_prctl((int)a, b, c, d, e))

/* stdio.c */
CALL(fclose, int, (FILE *stream))
CALL(fdopen, FILE *, (int fd, const char *mode))
CALL(freopen, FILE *, (const char *path, const char *mode, FILE *stream))
CALL(dprintf, int, (int fd, const char *format, ...))
CALL(vdprintf, int, (int fd, const char *format, va_list args))
CALL(__dprintf_chk, int, (int fd, int flag, const char *format, ...))
CALL(__vdprintf_chk, int,
     (int fd, int flag, const char *format, va_list args))
ALIAS(freopen64, freopen)

/* procnet.c */
CALL(open, int, (const char *path, int flags, ...))
CALL(openat, int, (int dir, const char *path, int flags, ...))
CALL(__open_2, int, (const char *path, int flags))
CALL(__openat_2, int, (int dir, const char *path, int flags))
CALL(fopen, FILE *, (const char *path, const char *mode))
ALIAS(open64, open)
ALIAS(__open, open)
ALIAS(__open64, open)
ALIAS(openat64, openat)
ALIAS(__open64_2, __open_2)
ALIAS(__openat64_2, __openat_2)
ALIAS(fopen64, fopen)
NUMBER(openat, shim_openat((int)a, (const char *)b, (int)c, (mode_t)d))

/* process.c */
CALL(_exit, void, (int status))
CALL(quick_exit, void, (int status))
CALL(_Fork, pid_t, (void))
CALL(vfork, pid_t, (void))
ALIAS(__vfork, vfork)
CALL(clone, int,
     (int (*fn)(void *), void *stack, int flags, void *arg, ...))
ALIAS(_Exit, _exit)
ALIAS(__clone, clone)
NUMBER(exit_group, (shim__exit((int)a), 0))

/* signal.c */
CALL(sigaction, int,
     (int sig, const struct sigaction *act, struct sigaction *old))
CALL(signal, sighandler_t, (int sig, sighandler_t handler))
CALL(sysv_signal, sighandler_t, (int sig, sighandler_t handler))
CALL(sigset, sighandler_t, (int sig, sighandler_t handler))
CALL(siginterrupt, int, (int sig, int flag))
ALIAS(__sigaction, sigaction)
ALIAS(bsd_signal, signal)
ALIAS(ssignal, signal)
ALIAS(__sysv_signal, sysv_signal)

/* syscall.c */
CALL(syscall, long, (long number, ...))

/* launch.c */
CALL(posix_spawn, int,
     (pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attr, char *const argv[], char *const envp[]))
CALL(posix_spawnp, int,
     (pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attr, char *const argv[], char *const envp[]))
CALL(posix_spawn_file_actions_adddup2, int,
     (posix_spawn_file_actions_t *actions, int fd, int target))
CALL(system, int, (const char *command))
CALL(popen, FILE *, (const char *command, const char *mode))

/* exec.c */
CALL(execve, int, (const char *path, char *const argv[], char *const envp[]))
CALL(execv, int, (const char *path, char *const argv[]))
CALL(execvp, int, (const char *file, char *const argv[]))
CALL(execvpe, int, (const char *file, char *const argv[], char *const envp[]))
CALL(fexecve, int, (int fd, char *const argv[], char *const envp[]))
CALL(execveat, int,
     (int dir, const char *path, char *const argv[], char *const envp[],
      int flags))
NUMBER(execve, shim_execve((void *)a, (void *)b, (void *)c))
NUMBER(execveat,
       shim_execveat((int)a, (void *)b, (void *)c, (void *)d, (int)e))
CALL(execl, int, (const char *path, const char *arg, ...))
CALL(execlp, int, (const char *file, const char *arg, ...))
CALL(execle, int, (const char *path, const char *arg, ...))

/* names.c, nameinfo.c */
CALL(getaddrinfo, int,
     (const char *node, const char *service, const struct addrinfo *hints,
      struct addrinfo **ret))
CALL(getnameinfo, int,
     (const struct sockaddr *addr, socklen_t addrlen, char *host,
      socklen_t hostlen, char *serv, socklen_t servlen, int flags))

/* gai.c; gai_error() and gai_strerror() are libc's */
CALL(getaddrinfo_a, int,
     (int mode, struct gaicb *list[], int n, struct sigevent *event))
CALL(gai_suspend, int,
     (const struct gaicb *const list[], int n, const struct timespec *timeout))
CALL(gai_cancel, int, (struct gaicb *req))

/* hosts.c */
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
CALL(gethostbyaddr_r, int,
     (const void *addr, socklen_t len, int family, struct hostent *ret,
      char *buf, size_t size, struct hostent **result, int *h_err))

/* resolv.c */
CALL(res_nsend, int,
     (struct __res_state *state, const unsigned char *msg, int len,
      unsigned char *answer, int room))
CALL(res_nquery, int,
     (struct __res_state *state, const char *name, int class, int type,
      unsigned char *answer, int room))
CALL(res_nquerydomain, int,
     (struct __res_state *state, const char *name, const char *domain,
      int class, int type, unsigned char *answer, int room))
CALL(res_nsearch, int,
     (struct __res_state *state, const char *name, int class, int type,
      unsigned char *answer, int room))
CALL(res_send, int,
     (const unsigned char *msg, int len, unsigned char *answer, int room))
CALL(res_query, int,
     (const char *name, int class, int type, unsigned char *answer, int room))
CALL(res_querydomain, int,
     (const char *name, const char *domain, int class, int type,
      unsigned char *answer, int room))
CALL(res_search, int,
     (const char *name, int class, int type, unsigned char *answer, int room))
ALIAS(__res_nsend, res_nsend)
ALIAS(__res_nquery, res_nquery)
ALIAS(__res_nquerydomain, res_nquerydomain)
ALIAS(__res_nsearch, res_nsearch)
ALIAS(__res_send, res_send)
ALIAS(__res_query, res_query)
ALIAS(__res_querydomain, res_querydomain)
ALIAS(__res_search, res_search)

/* ifaddrs.c */
CALL(if_nametoindex, unsigned int, (const char *name))
CALL(if_indextoname, char *, (unsigned int index, char *name))
CALL(if_nameindex, struct if_nameindex *, (void))
CALL(getifaddrs, int, (struct ifaddrs **ret))

#undef CALL
#undef ALIAS
#undef NUMBER
