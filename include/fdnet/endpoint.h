/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Link endpoints: what moves packets in and out of fds.
 *
 * The C counterpart of gVisor's fdbased package: the same words, the same
 * options, the same capability bits. doc/fdbased.md lists item by item what
 * is the same and what differs, with the reason.
 *
 * An endpoint is run in one of two ways. With FDNET_ATTACH_THREADS, one reader
 * thread per fd delivers what arrives, as in the seed. With
 * FDNET_ATTACH_POLLED nothing runs by itself: the caller polls the fds that
 * fdnet_endpoint_poll_set() names and calls fdnet_endpoint_dispatch().
 *
 * Every kind of endpoint implements every operation of one table, so a wrapper
 * cannot hide what it wraps. Functions return 0 or a count, or a negative
 * errno value. Any thread may write; attach, detach, wait and free may be
 * called from inside callbacks.
 */
#ifndef FDNET_ENDPOINT_H
#define FDNET_ENDPOINT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fdnet/mem.h>
#include <fdnet/packet.h>

FDNET_DECLS_BEGIN

struct fdnet_endpoint;

/* ---- constants of the seed ---- */

/* Packets taken by one recvmmsg() unless the options say otherwise. */
#define FDNET_MAX_MSGS_PER_RECV 8
/* Pieces of the default BufConfig, and their sum. */
#define FDNET_BUF_CONFIG_LEN 10
#define FDNET_BUF_CONFIG_SUM 65664
/* Smallest sum and first piece that are accepted. */
#define FDNET_BUF_CONFIG_MIN_SUM   65615
#define FDNET_BUF_CONFIG_MIN_FIRST 120
/* The seed's BufConfig; read-only here, an option instead of a variable. */
FDNET_API extern const uint32_t fdnet_buf_config[FDNET_BUF_CONFIG_LEN];

#define FDNET_ENDPOINT_MAX_FDS	64
#define FDNET_ENDPOINT_MAX_ADDR 32
#define FDNET_ETH_HDR_LEN	14
#define FDNET_VNET_HDR_LEN	10

/* Capability bits, with the seed's values. */
enum fdnet_capability {
	FDNET_CAP_TX_CHECKSUM = 1 << 1,
	FDNET_CAP_RX_CHECKSUM = 1 << 2,
	FDNET_CAP_RESOLUTION_REQUIRED = 1 << 3,
	FDNET_CAP_SAVE_RESTORE = 1 << 4,
	FDNET_CAP_DISCONNECT_OK = 1 << 5,
	FDNET_CAP_LOOPBACK = 1 << 6,
	FDNET_CAP_HARDWARE_GSO = 1 << 7,
	FDNET_CAP_SOFTWARE_GSO = 1 << 8,
};

/* How packets are read. */
enum fdnet_dispatch_mode {
	FDNET_DISPATCH_READV = 0,   /* one a call; any fd */
	FDNET_DISPATCH_RECVMMSG,    /* several a call; sockets */
	FDNET_DISPATCH_PACKET_MMAP, /* a ring shared with the kernel */
};

/**
 * fdnet_dispatch_mode_string - "Readv", "RecvMMsg", "PacketMMap"
 * @dst, @len:  where another value's text is written
 *
 * Returns the text.
 */
FDNET_API const char *fdnet_dispatch_mode_string(enum fdnet_dispatch_mode mode,
						 char *dst, size_t len);

/* ---- what endpoints deliver and tell ---- */

/**
 * struct fdnet_dispatcher - where an endpoint delivers to
 * @deliver:   one packet, its link header stripped; taken. ethertype is set;
 *             with Ethernet, link_src is the remote and link_dst the local
 *             address, and the 14 bytes of the header stay in the headroom.
 *             Called on the reader thread, or from dispatch. Order is kept
 *             per fd.
 * @writable:  packets can be written again after -EAGAIN or -ENOBUFS; may be
 *             NULL
 */
struct fdnet_dispatcher {
	void (*deliver)(void *arg, struct fdnet_endpoint *ep,
			struct fdnet_pkt *pkt);
	void (*writable)(void *arg, struct fdnet_endpoint *ep);
};

enum fdnet_attach {
	FDNET_ATTACH_THREADS,
	FDNET_ATTACH_POLLED,
};

/* Everything that can be asked about an endpoint. */
struct fdnet_endpoint_info {
	uint32_t mtu;
	uint32_t capabilities; /* enum fdnet_capability */
	uint32_t max_header_length;
	uint32_t gso_max_size; /* 0: no bursts */
	uint32_t nfds;
	uint16_t arp_hardware_type; /* 1 Ethernet, 0 none */
	uint8_t link_address_len;
	uint8_t link_address[FDNET_ENDPOINT_MAX_ADDR];
};

enum fdnet_endpoint_counter {
	FDNET_EP_RX_PKTS,
	FDNET_EP_RX_BYTES,
	FDNET_EP_RX_CALLS,
	FDNET_EP_RX_WAKEUPS,
	FDNET_EP_RX_EMPTY,   /* zero-length message */
	FDNET_EP_RX_SHORT,   /* no byte behind the link header */
	FDNET_EP_RX_TRUNC,   /* larger than a receive slot */
	FDNET_EP_RX_BADVER,  /* neither IPv4 nor IPv6 */
	FDNET_EP_RX_FOREIGN, /* for another link address */
	FDNET_EP_RX_BADVNET, /* impossible vnet header */
	FDNET_EP_RX_NOMEM,
	FDNET_EP_RX_TRANSIENT, /* read errors that were survived */
	FDNET_EP_RX_RING_LOST, /* the kernel found the ring full */
	FDNET_EP_RX_RING_RESYNC,
	FDNET_EP_RX_GRO_MERGED, /* packets that became part of another */
	FDNET_EP_RX_UNATTACHED, /* injected while nobody listened */
	FDNET_EP_TX_PKTS,
	FDNET_EP_TX_BYTES,
	FDNET_EP_TX_CALLS,
	FDNET_EP_TX_EAGAIN,
	FDNET_EP_TX_QUEUED,
	FDNET_EP_TX_DROPPED, /* for whatever reason */
	FDNET_EP_TX_TOOBIG,
	FDNET_EP_TX_GONE, /* EPIPE, ECONNRESET, ECONNREFUSED, ENOTCONN */
	FDNET_EP_TX_NOBUFS,
	FDNET_EP_TX_DOWN, /* ENETDOWN, ENXIO, EIO */
	FDNET_EP_TX_OTHER,
	FDNET_EP_TX_GSO_BURSTS, /* split here */
	FDNET_EP_TX_GSO_SEGS,
	FDNET_EP_TX_CSUM, /* checksums completed here */
	FDNET_EP_TX_NOROUTE,
	FDNET_EP_WRAP_LOST,
	FDNET_EP_WRAP_DUPLICATED,
	FDNET_EP_WRAP_REORDERED,
	FDNET_EP_WRAP_DELAYED,
	FDNET_EP_WRAP_CAPTURED,
	FDNET_EP_COUNTER_MAX
};

/* Batch sizes 1, 2, 3-4, 5-8, 9-16, 17-32, 33 and more. */
#define FDNET_EP_BATCH_CLASSES 7

struct fdnet_endpoint_stats {
	uint64_t count[FDNET_EP_COUNTER_MAX];
	uint64_t rx_batch[FDNET_EP_BATCH_CLASSES];
	uint64_t tx_batch[FDNET_EP_BATCH_CLASSES];
	uint64_t tx_queue_now; /* packets waiting for POLLOUT */
};

/** fdnet_endpoint_counter_name - "rx_pkts" and so on; static */
FDNET_API const char *
fdnet_endpoint_counter_name(enum fdnet_endpoint_counter which);

/**
 * fdnet_endpoint_stats_format - a line for each counter that is not zero
 * @dst, @len:  written, NUL-terminated, cut if it does not fit
 *
 * Returns the length of the whole text, as snprintf().
 */
FDNET_API size_t fdnet_endpoint_stats_format(
	const struct fdnet_endpoint_stats *stats, char *dst, size_t len);

/* ---- the one table ---- */

/**
 * struct fdnet_endpoint_ops - what every kind of endpoint implements, all of it
 *
 * The public functions below say what each does.
 */
struct fdnet_endpoint_ops {
	void (*free)(struct fdnet_endpoint *ep);
	int (*attach)(struct fdnet_endpoint *ep,
		      const struct fdnet_dispatcher *disp, void *arg,
		      enum fdnet_attach how);
	void (*detach)(struct fdnet_endpoint *ep);
	bool (*is_attached)(struct fdnet_endpoint *ep);
	void (*wait)(struct fdnet_endpoint *ep);
	void (*query)(struct fdnet_endpoint *ep,
		      struct fdnet_endpoint_info *ret_info);
	int (*set_mtu)(struct fdnet_endpoint *ep, uint32_t mtu);
	int (*set_link_address)(struct fdnet_endpoint *ep, const void *addr,
				size_t len);
	int (*write)(struct fdnet_endpoint *ep, struct fdnet_pkt **pkts,
		     unsigned int n, int *status);
	int (*inject_outbound)(struct fdnet_endpoint *ep, const void *dest,
			       size_t dest_len, const void *frame, size_t len);
	int (*inject_inbound)(struct fdnet_endpoint *ep, uint16_t proto,
			      struct fdnet_pkt *pkt);
	int (*poll_set)(struct fdnet_endpoint *ep, struct pollfd *fds,
			unsigned int n);
	int (*dispatch)(struct fdnet_endpoint *ep, uint64_t now_us,
			unsigned int budget);
	uint64_t (*expiry)(struct fdnet_endpoint *ep);
	void (*stats)(struct fdnet_endpoint *ep, int queue,
		      struct fdnet_endpoint_stats *ret_stats);
	struct fdnet_pkt_pool *(*pool)(struct fdnet_endpoint *ep);
};

/* First member of every kind of endpoint. */
struct fdnet_endpoint {
	const struct fdnet_endpoint_ops *ops;
};

/* ---- life ---- */

/**
 * fdnet_endpoint_free - detach, wait and drop the endpoint (or NULL); taken
 *
 * Fds stay open. From inside a callback the memory lives until that callback
 * has returned.
 */
FDNET_API void fdnet_endpoint_free(struct fdnet_endpoint *ep);

/**
 * fdnet_endpoint_attach - start delivering
 * @disp:  borrowed until detached; NULL detaches instead
 * @arg:   handed to @disp's functions
 * @how:   with reader threads, or driven by the caller
 *
 * Returns 0; -EALREADY if attached; -EAGAIN if a thread could not be started;
 * -EBUSY from inside a callback of readers that are being stopped; -ENOMEM.
 */
FDNET_API int fdnet_endpoint_attach(struct fdnet_endpoint *ep,
				    const struct fdnet_dispatcher *disp,
				    void *arg, enum fdnet_attach how);

/**
 * fdnet_endpoint_detach - stop delivering, and wait until no callback runs
 *
 * From inside a callback: until none but this one runs. The endpoint may be
 * attached again.
 */
FDNET_API void fdnet_endpoint_detach(struct fdnet_endpoint *ep);

FDNET_API bool fdnet_endpoint_is_attached(struct fdnet_endpoint *ep);

/**
 * fdnet_endpoint_wait - until all reader threads ended
 *
 * They end when their fd does, or when detached. Returns at once if none runs;
 * from inside a callback, when no other runs. Any number of threads may wait.
 */
FDNET_API void fdnet_endpoint_wait(struct fdnet_endpoint *ep);

/* ---- queries ---- */

FDNET_API void fdnet_endpoint_query(struct fdnet_endpoint *ep,
				    struct fdnet_endpoint_info *ret_info);
FDNET_API uint32_t fdnet_endpoint_mtu(struct fdnet_endpoint *ep);
FDNET_API uint32_t fdnet_endpoint_capabilities(struct fdnet_endpoint *ep);
FDNET_API uint32_t fdnet_endpoint_max_header_length(struct fdnet_endpoint *ep);
FDNET_API uint32_t fdnet_endpoint_gso_max_size(struct fdnet_endpoint *ep);

/**
 * fdnet_endpoint_link_address - the address given in the options
 * @dst:  FDNET_ENDPOINT_MAX_ADDR bytes, written
 *
 * Returns its length.
 */
FDNET_API size_t fdnet_endpoint_link_address(struct fdnet_endpoint *ep,
					     void *dst);

/** fdnet_endpoint_set_mtu - 0, or -EOPNOTSUPP */
FDNET_API int fdnet_endpoint_set_mtu(struct fdnet_endpoint *ep, uint32_t mtu);

/** fdnet_endpoint_set_link_address - 0, -EINVAL (length), -EOPNOTSUPP */
FDNET_API int fdnet_endpoint_set_link_address(struct fdnet_endpoint *ep,
					      const void *addr, size_t len);

/**
 * fdnet_endpoint_stats - a snapshot of the counters
 * @queue:  one fd's, by index, or -1 for the sum
 */
FDNET_API void fdnet_endpoint_stats(struct fdnet_endpoint *ep, int queue,
				    struct fdnet_endpoint_stats *ret_stats);

/** fdnet_endpoint_pool - where packets to be written may come from */
FDNET_API struct fdnet_pkt_pool *fdnet_endpoint_pool(struct fdnet_endpoint *ep);

/* ---- writing ---- */

/**
 * struct fdnet_link_route - link addresses of one destination
 * @remote:     destination
 * @local:      source, when @has_local (bridging); else the endpoint's own
 */
struct fdnet_link_route {
	uint8_t remote[6];
	uint8_t local[6];
	bool has_local;
};

/**
 * struct fdnet_gso - how a burst is to be split
 * @type:         enum fdnet_gso_type
 * @needs_csum:   only the pseudo-header is summed
 * @csum_offset:  of the checksum field in the transport header
 * @mss:          payload bytes per segment
 * @l3_hdr_len:   bytes of the IP header
 */
struct fdnet_gso {
	uint8_t type;
	bool needs_csum;
	uint16_t csum_offset;
	uint16_t mss;
	uint16_t l3_hdr_len;
};

/**
 * fdnet_endpoint_write_packet - the seed's WritePacket
 * @route:  borrowed, or NULL: link_dst and link_src are set in @pkt already
 * @gso:    borrowed, or NULL: as set in @pkt
 * @proto:  ethertype, or 0: as set in @pkt
 * @pkt:    taken, except with -EAGAIN: then it stays the caller's
 *
 * Never raises SIGPIPE. Returns 0 when sent or queued; -EAGAIN (link full,
 * under FDNET_TX_RETURN); -ENOBUFS (link and queue full: dropped); -EMSGSIZE;
 * -EPIPE or -ECONNRESET; -EHOSTUNREACH (the multiplexer knows no such
 * destination); another errno of the write.
 */
FDNET_API int fdnet_endpoint_write_packet(struct fdnet_endpoint *ep,
					  const struct fdnet_link_route *route,
					  const struct fdnet_gso *gso,
					  uint16_t proto, struct fdnet_pkt *pkt);

/**
 * fdnet_endpoint_write_list - write several packets
 * @pkts:    taken one by one as by fdnet_endpoint_write_packet()
 * @status:  @n entries, written: what that call would have returned; or NULL
 *
 * One packet's failure does not keep the others from being sent.
 * Returns how many have status 0.
 */
FDNET_API int fdnet_endpoint_write_list(struct fdnet_endpoint *ep,
					struct fdnet_pkt **pkts, unsigned int n,
					int *status);

/**
 * struct fdnet_pkt_desc - a packet cut out of a shared payload
 * @hdr, @hdr_len:  its headers, borrowed; at most FDNET_PKT_LINEAR bytes
 * @off, @size:     its payload
 */
struct fdnet_pkt_desc {
	const void *hdr;
	uint32_t hdr_len;
	uint32_t off;
	uint32_t size;
};

/**
 * fdnet_endpoint_write_packets - the seed's WritePackets
 * @descs:    borrowed
 * @payload:  borrowed; copied only if the link is full and packets must wait
 * @status:   as in fdnet_endpoint_write_list(), or NULL
 *
 * Returns how many have status 0.
 */
FDNET_API int fdnet_endpoint_write_packets(struct fdnet_endpoint *ep,
					   const struct fdnet_link_route *route,
					   const struct fdnet_gso *gso,
					   uint16_t proto,
					   const struct fdnet_pkt_desc *descs,
					   unsigned int n, const void *payload,
					   int *status);

/**
 * fdnet_endpoint_write_raw_packet - write bytes as they are
 * @frame:  borrowed; link header included
 *
 * With host GSO a zero vnet header is put in front. Never queued: -EAGAIN when
 * the link is full.
 */
FDNET_API int fdnet_endpoint_write_raw_packet(struct fdnet_endpoint *ep,
					      const void *frame, size_t len);

/**
 * fdnet_endpoint_inject_outbound - as write_raw_packet, with a destination
 * @dest, @dest_len:  IP address, 4 or 16 bytes; only the multiplexer looks
 */
FDNET_API int fdnet_endpoint_inject_outbound(struct fdnet_endpoint *ep,
					     const void *dest, size_t dest_len,
					     const void *frame, size_t len);

/**
 * fdnet_endpoint_inject_inbound - deliver a packet as if it had arrived
 * @proto:  ethertype
 * @pkt:    taken
 *
 * On the caller's thread. Returns 0, or -ENOTCONN before attach (dropped).
 */
FDNET_API int fdnet_endpoint_inject_inbound(struct fdnet_endpoint *ep,
					    uint16_t proto,
					    struct fdnet_pkt *pkt);

/* ---- driven by the caller ---- */

/**
 * fdnet_endpoint_poll_set - what to poll for
 * @fds, @n:  room; written
 *
 * POLLOUT is asked for while packets wait. Fds that ended are left out.
 * Returns how many entries there are; more than @n if they did not fit.
 */
FDNET_API int fdnet_endpoint_poll_set(struct fdnet_endpoint *ep,
				      struct pollfd *fds, unsigned int n);

/**
 * fdnet_endpoint_dispatch - deliver what has arrived, send what waits
 * @now_us:  the time, for wrappers that delay
 * @budget:  messages per fd at most
 *
 * Returns the messages taken (0: nothing more was there); -EPIPE when all fds
 * have ended; -ENOTCONN when not attached for polling.
 */
FDNET_API int fdnet_endpoint_dispatch(struct fdnet_endpoint *ep,
				      uint64_t now_us, unsigned int budget);

/** fdnet_endpoint_expiry - when dispatch is due without an fd being ready;
 * UINT64_MAX: never */
FDNET_API uint64_t fdnet_endpoint_expiry(struct fdnet_endpoint *ep);

/* ---- the fd endpoint ---- */

/* Why an fd ended, as told to the closed callback. */
#define FDNET_CLOSED_EOF      0
#define FDNET_CLOSED_RESET    (-ECONNRESET) /* with our packets unread */
#define FDNET_CLOSED_DETACHED (-ECANCELED)  /* fdnet_endpoint_detach() */

/* What to do with a packet when the link is full. */
enum fdnet_tx_policy {
	/* Queue up to tx_queue_len packets, then drop the newest; without a
	 * queue (FDNET_TX_QUEUE_NONE) the seed's blind drop. */
	FDNET_TX_DROP_TAIL,
	/* Queue, then drop the oldest. */
	FDNET_TX_DROP_HEAD,
	/* Queue, then block for tx_block_ms at most. */
	FDNET_TX_BLOCK,
	/* Never queue: -EAGAIN, and the packet stays the caller's. */
	FDNET_TX_RETURN,
};

#define FDNET_TX_QUEUE_NONE UINT32_MAX

/**
 * struct fdnet_fd_options - for fdnet_fd_endpoint_new(); the seed's first
 * @fds, @nfds:           borrowed until the endpoint is freed, never closed;
 *                        the array is copied
 * @mtu:                  reported, never enforced
 * @ethernet_header:      frames carry 14 bytes of Ethernet
 * @closed, @closed_arg:  called once per fd and attach, on its reader thread
 *                        or from dispatch or detach, with the fd's index and
 *                        why; or NULL
 * @address, @address_len:  link address
 * @save_restore, @disconnect_ok:  capability bits
 * @gso_max_size:         0: no GSO; takes effect on sockets and on TUN fds
 *                        with a vnet header
 * @software_gso_enabled: split bursts here instead of handing them on
 * @packet_dispatch_mode: for sockets; other fds are always read one by one
 * @tx_checksum_offload, @rx_checksum_offload:  capability bits; with the
 *                        second, delivered packets are CSUM_TRUSTED
 *
 * @mem:                  allocator, NULL for malloc
 * @pool:                 shared, NULL: the endpoint makes its own; must be
 *                        threaded with reader threads
 * @buf_config, @nbuf_config:  NULL for the seed's; the sum is the largest
 *                        message taken
 * @max_msgs_per_recv:    0 for FDNET_MAX_MSGS_PER_RECV, at most 64
 * @promiscuous:          take frames for other link addresses
 * @gro:                  merge TCP segments of one batch
 * @short_closes:         the seed's rule that a short message ends the fd
 * @tx_policy, @tx_queue_len:  packets queued per fd; 0 for 1024,
 *                        FDNET_TX_QUEUE_NONE for none
 * @tx_block_ms:          0 for 250
 * @sndbuf:               SO_SNDBUF to ask for on sockets, 0 for 256 KiB,
 *                        UINT32_MAX to leave it
 * @ring_frames:          PacketMMap: frames in the ring, 0 for 32
 * @fanout_always:        FANOUT also with a single AF_PACKET fd
 * @fanout_defrag:        have the kernel reassemble before it spreads
 * @thread_stack:         bytes, 0 for 256 KiB
 * @hash_seed:            key of the flow hash, 0 for a random one
 */
struct fdnet_fd_options {
	const int *fds;
	unsigned int nfds;
	uint32_t mtu;
	bool ethernet_header;
	void (*closed)(void *arg, struct fdnet_endpoint *ep, unsigned int index,
		       int reason);
	void *closed_arg;
	const void *address;
	size_t address_len;
	bool save_restore;
	bool disconnect_ok;
	uint32_t gso_max_size;
	bool software_gso_enabled;
	enum fdnet_dispatch_mode packet_dispatch_mode;
	bool tx_checksum_offload;
	bool rx_checksum_offload;

	const struct fdnet_mem *mem;
	struct fdnet_pkt_pool *pool;
	const uint32_t *buf_config;
	unsigned int nbuf_config;
	unsigned int max_msgs_per_recv;
	bool promiscuous;
	bool gro;
	bool short_closes;
	enum fdnet_tx_policy tx_policy;
	uint32_t tx_queue_len;
	uint32_t tx_block_ms;
	uint32_t sndbuf;
	uint32_t ring_frames;
	bool fanout_always;
	bool fanout_defrag;
	uint32_t thread_stack;
	uint64_t hash_seed;
};

/**
 * fdnet_fd_endpoint_new - the seed's New
 * @opts:     borrowed
 * @ret_ep:   the endpoint, not attached
 * @ret_why:  on failure, a sentence saying what was wrong; static; or NULL
 *
 * A failing call leaves the fds as they were, except that an AF_PACKET socket
 * cannot leave a fanout group it has joined.
 * Returns 0; -EINVAL (no fds; unknown mode or policy); -E2BIG (too many fds);
 * -EEXIST (an fd twice); -EBADF; -EPROTOTYPE (stream socket); -ESPIPE (pipe or
 * file); -EOPNOTSUPP (PacketMMap on a socket that is not AF_PACKET); -EXDEV
 * (fds of different kinds); -ENAMETOOLONG (address); -ERANGE (buf_config,
 * max_msgs_per_recv, gso_max_size, ring_frames); -ENOMEM; what
 * the kernel said to FANOUT or the ring.
 */
FDNET_API int fdnet_fd_endpoint_new(const struct fdnet_fd_options *opts,
				    struct fdnet_endpoint **ret_ep,
				    const char **ret_why);

/**
 * fdnet_fd_endpoint_swap_fd - go on with another fd
 * @ep:       made by fdnet_fd_endpoint_new(), or around an fd by
 *            fdnet_injectable_new(); detached, and nobody writes meanwhile
 * @index:    of the fd that is replaced, as in the options; it stays open and
 *            as it is
 * @fd:       borrowed as those in the options
 * @ret_why:  as for fdnet_fd_endpoint_new()
 *
 * For a peer that was started again. Options, counters, the pool and packets
 * that wait to be sent are kept; attach to go on, also after the old fd's end.
 * Returns 0; -EBUSY (attached, or a callback still runs); -EINVAL (@index, or
 * another kind of endpoint); -EEXIST (the endpoint has @fd already); -EXDEV
 * (another kind of fd, or vnet header); -EOPNOTSUPP (a fanout group cannot be
 * left); else as fdnet_fd_endpoint_new(). A failing call changes nothing.
 */
FDNET_API int fdnet_fd_endpoint_swap_fd(struct fdnet_endpoint *ep,
					unsigned int index, int fd,
					const char **ret_why);

/* ---- other endpoints ---- */

/**
 * fdnet_injectable_new - the seed's NewInjectable: writes to @fd, never reads
 * @fd:    borrowed
 * @mtu:   reported
 * @caps:  taken as given
 * @pool:  shared, or NULL
 *
 * Inbound packets come from fdnet_endpoint_inject_inbound() only.
 * Returns 0, -EBADF, -EPROTOTYPE, -ESPIPE, -ENOMEM.
 */
FDNET_API int fdnet_injectable_new(int fd, uint32_t mtu, uint32_t caps,
				   struct fdnet_pkt_pool *pool,
				   struct fdnet_endpoint **ret_ep);

/* A member of the multiplexer: packets to @addr go to @ep. */
struct fdnet_mux_route {
	uint8_t addr[16];
	uint8_t addr_len; /* 4 or 16 */
	struct fdnet_endpoint *ep;
};

/**
 * fdnet_mux_new - send by destination address over several endpoints
 * @routes, @n:  copied; the endpoints are borrowed until it is freed
 *
 * MTU and header length are the least and largest of the members',
 * capabilities those that all have. Returns 0, -EINVAL, -ENOMEM.
 */
FDNET_API int fdnet_mux_new(const struct fdnet_mux_route *routes,
			    unsigned int n, struct fdnet_endpoint **ret_ep);

/**
 * fdnet_pair_new - two endpoints in memory, each delivering what the other
 * was given
 * @pool:       shared
 * @mtu:        of both
 * @queue_len:  packets that wait at each end; more are refused with -EAGAIN
 *              and stay the caller's
 *
 * Only FDNET_ATTACH_POLLED; each is freed by itself. poll_set has no fds:
 * dispatch them in turn. Returns 0, -ENOMEM.
 */
FDNET_API int fdnet_pair_new(struct fdnet_pkt_pool *pool, uint32_t mtu,
			     unsigned int queue_len,
			     struct fdnet_endpoint **ret_a,
			     struct fdnet_endpoint **ret_b);

/**
 * fdnet_channel_new - an endpoint for tests: what is written can be read back
 * @pool:        shared
 * @mtu, @caps:  reported
 * @gso_max:     reported
 * @queue_len:   packets kept; more are refused with -ENOBUFS
 *
 * Returns 0, -ENOMEM.
 */
FDNET_API int fdnet_channel_new(struct fdnet_pkt_pool *pool, uint32_t mtu,
				uint32_t caps, uint32_t gso_max,
				unsigned int queue_len,
				struct fdnet_endpoint **ret_ep);

/** fdnet_channel_read - the oldest packet written, or NULL; the caller's */
FDNET_API struct fdnet_pkt *fdnet_channel_read(struct fdnet_endpoint *ep);

/** fdnet_channel_drain - drop what was written; returns how many */
FDNET_API unsigned int fdnet_channel_drain(struct fdnet_endpoint *ep);

/* ---- wrappers ---- */

/**
 * fdnet_capture_new - write all packets that pass to a pcap file
 * @lower:    taken on success
 * @path:     file to create
 * @snaplen:  bytes kept of each packet, 0 for all
 *
 * Returns 0, -ENOMEM, -EIO (the file cannot be written).
 */
FDNET_API int fdnet_capture_new(struct fdnet_endpoint *lower, const char *path,
				uint32_t snaplen, struct fdnet_endpoint **ret_ep);

/** fdnet_capture_flush - bring the file up to date; 0 or -EIO */
FDNET_API int fdnet_capture_flush(struct fdnet_endpoint *ep);

/* What one direction of a fault wrapper does, in packets per million. */
struct fdnet_fault_side {
	uint32_t loss_ppm;
	uint32_t duplicate_ppm;
	uint32_t reorder_ppm; /* held back behind the packet that follows */
	uint32_t delay_us;
	uint32_t jitter_us; /* added to the delay; order is kept */
};

/**
 * struct fdnet_fault_config - for fdnet_fault_new()
 * @seed:        the same seed gives the same faults
 * @rx, @tx:     inbound and outbound
 * @queue_len:   packets delayed at most per direction, 0 for 4096
 */
struct fdnet_fault_config {
	uint64_t seed;
	struct fdnet_fault_side rx, tx;
	unsigned int queue_len;
};

/**
 * fdnet_fault_new - lose, delay, reorder and duplicate
 * @lower:  taken on success
 * @cfg:    copied
 *
 * Delays need FDNET_ATTACH_POLLED, whose caller brings the time; with reader
 * threads they are refused by attach (-EOPNOTSUPP).
 * Returns 0, -ENOMEM.
 */
FDNET_API int fdnet_fault_new(struct fdnet_endpoint *lower,
			      const struct fdnet_fault_config *cfg,
			      struct fdnet_endpoint **ret_ep);

/* ---- errors ---- */

/* The seed's classes of errors. */
enum fdnet_error_class {
	FDNET_ERR_NONE,
	FDNET_ERR_DUPLICATE_ADDRESS,
	FDNET_ERR_NO_ROUTE,
	FDNET_ERR_INVALID_STATE,
	FDNET_ERR_ALREADY_CONNECTING,
	FDNET_ERR_ALREADY_CONNECTED,
	FDNET_ERR_PORT_IN_USE,
	FDNET_ERR_BAD_LOCAL_ADDRESS,
	FDNET_ERR_CLOSED_FOR_SEND,
	FDNET_ERR_WOULD_BLOCK,
	FDNET_ERR_CONNECTION_REFUSED,
	FDNET_ERR_TIMEOUT,
	FDNET_ERR_CONNECT_STARTED,
	FDNET_ERR_DESTINATION_REQUIRED,
	FDNET_ERR_NOT_SUPPORTED,
	FDNET_ERR_QUEUE_SIZE_NOT_SUPPORTED,
	FDNET_ERR_NOT_CONNECTED,
	FDNET_ERR_CONNECTION_RESET,
	FDNET_ERR_CONNECTION_ABORTED,
	FDNET_ERR_MESSAGE_TOO_LONG,
	FDNET_ERR_NO_BUFFER_SPACE,
};

/** fdnet_error_class - the class of a positive errno, whatever its value */
FDNET_API enum fdnet_error_class fdnet_error_class(int err);

/* ---- save and restore ---- */

/**
 * fdnet_endpoint_save - write an fd endpoint's state out
 * @ep:         an fd endpoint, detached
 * @dst, @len:  room, or NULL and 0
 *
 * Options, packets waiting to be sent and counters are saved; fds, callbacks
 * and allocator are not. Packets that wait in the fd are the fd's.
 * Returns the bytes needed (written if they fit); -EBUSY while attached;
 * -EOPNOTSUPP for another kind, or without save_restore.
 */
FDNET_API ssize_t fdnet_endpoint_save(struct fdnet_endpoint *ep, void *dst,
				      size_t len);

/**
 * fdnet_endpoint_restore - an fd endpoint with the state that was saved
 * @src, @len:  what fdnet_endpoint_save() wrote
 * @opts:       fds (as many as were saved), callbacks, allocator and pool;
 *              all else comes from @src
 *
 * Returns 0; -EPROTO for bytes that are no such state; else as
 * fdnet_fd_endpoint_new().
 */
FDNET_API int fdnet_endpoint_restore(const void *src, size_t len,
				     const struct fdnet_fd_options *opts,
				     struct fdnet_endpoint **ret_ep,
				     const char **ret_why);

FDNET_DECLS_END

#endif
