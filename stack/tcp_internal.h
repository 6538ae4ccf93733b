/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What TCP's own files share. Others include stack/tcp.h.
 *
 * How it works, by event: tcp_in.c takes a segment, tcp_ack.c what it
 * acknowledges, tcp_loss.c decides what was lost, tcp_out.c makes the next
 * packet when asked, tcp_pace.c says how fast, tcp_timer.c runs the clock, tcp_listen.c and
 * tcp_gateway.c hold connections that nobody has accepted yet, tcp.c, tcp_io.c
 * and tcp_opt.c are the application's calls.
 *
 * Every entry from outside (input, a call, the timer) ends with
 * fdnet_tcp_settle(), which asks for output, moves the timer and frees a
 * connection that is closed on both sides. Nothing below frees the socket.
 */
#ifndef STACK_TCP_INTERNAL_H
#define STACK_TCP_INTERNAL_H

#include "stack/internal.h"
#include "stack/tcp.h"
#include "stack/tcp_rcvq.h"
#include "stack/tcp_rtt.h"
#include "stack/tcp_sndq.h"
#include "stack/wire/tcp.h"

#define FDNET_MS  1000ull
#define FDNET_SEC 1000000ull

/* Largest window: what window scale 14 can say. */
#define FDNET_TCP_WND_MAX     (65535u << 14)
#define FDNET_TCP_MSS_MIN     88u /* as the kernel: no smaller one is honoured */
#define FDNET_TCP_MSS_DEFAULT 536u
#define FDNET_TCP_CWND_MAX    (1u << 30)
/* On a lossless way, an ACK is due at once for this many bytes, or half of the
 * window, ... */
#define FDNET_TCP_ACK_BYTES (256u << 10)
/* ... or this many packets; as many short ones Nagle lets pass there. */
#define FDNET_TCP_ACK_PKTS 4
/* Buffers of one direction while memory is short: enough to go on. */
#define FDNET_TCP_BUF_PRESSED (64u << 10)

enum fdnet_tcp_shutdown {
	FDNET_TCP_SHUT_RCV = 1, /* FIN received, or shutdown(SHUT_RD) */
	FDNET_TCP_SHUT_SND = 2, /* FIN queued or sent */
	FDNET_TCP_SHUT_BOTH = 3,
};

/* What each deadline of a connection is for. */
enum fdnet_tcp_due {
	FDNET_TCP_DUE_RTX,  /* what rtx_mode says */
	FDNET_TCP_DUE_ACK,  /* a delayed acknowledgement */
	FDNET_TCP_DUE_LIFE, /* keepalive; FIN_WAIT2's end; SYN queue's scan */
	FDNET_TCP_DUE_PACE, /* data may go again (tcp_pace.c) */
	FDNET_TCP_DUE_MAX,
};

enum fdnet_tcp_rtx_mode {
	FDNET_TCP_RTX_NONE,
	FDNET_TCP_RTX_RTO,     /* retransmission, of a SYN too */
	FDNET_TCP_RTX_PERSIST, /* probe of a closed window */
	FDNET_TCP_RTX_TLP,     /* tail loss probe (RFC 8985 7) */
	FDNET_TCP_RTX_REO,     /* RACK's reordering timer (RFC 8985 6.2) */
};

/* Loss recovery; the values are the kernel's TCP_CA_*, seen in TCP_INFO. */
enum fdnet_tcp_ca_state {
	FDNET_TCP_CA_OPEN,
	FDNET_TCP_CA_DISORDER,
	FDNET_TCP_CA_CWR,      /* reduced for ECN */
	FDNET_TCP_CA_RECOVERY, /* fast retransmit */
	FDNET_TCP_CA_LOSS,     /* after a timeout */
};

/* What the sender spends its time with: tcpi_busy_time and what of it is
 * someone else's doing. */
enum fdnet_tcp_chrono {
	FDNET_TCP_CHRONO_IDLE,
	FDNET_TCP_CHRONO_BUSY,
	FDNET_TCP_CHRONO_RWND,	 /* the peer's window is closed */
	FDNET_TCP_CHRONO_SNDBUF, /* all is sent, and the buffer full */
	FDNET_TCP_CHRONO_MAX,
};
#define FDNET_TCP_CHRONO_US 64

enum fdnet_tcp_txseg_flag {
	FDNET_TXSEG_SACKED = 1 << 0,
	FDNET_TXSEG_LOST = 1 << 1,  /* must be sent again */
	FDNET_TXSEG_RETX = 1 << 2,  /* was sent again, and that copy is out */
	FDNET_TXSEG_EVER = 1 << 3,  /* sent more than once */
	FDNET_TXSEG_SMALL = 1 << 4, /* shorter than a full segment (Nagle) */
};

/* One transmission: sequence space sent as one packet, [seq, end). The list
 * covers [snd_una, snd_nxt) without holes, in order. */
struct fdnet_tcp_txseg {
	struct fdnet_tcp_txseg *next, *prev;
	uint32_t seq, end;
	uint64_t sent_us; /* last time */
	uint8_t flags;
	uint8_t sends;
	uint16_t mss; /* of the packets that a burst was cut into, 0: unknown */
};

struct fdnet_tcp;

/**
 * struct fdnet_tcp_cc - a congestion control
 * @init:      the connection was made, or the algorithm changed
 * @acked:     @bytes new ones are acknowledged outside of recovery
 * @ssthresh:  the slow start threshold after a loss; remembers the loss
 * @restart:   sending after an idle time; may be NULL
 */
struct fdnet_tcp_cc {
	const char *name;
	void (*init)(struct fdnet_tcp *tp);
	void (*acked)(struct fdnet_tcp *tp, uint32_t bytes);
	uint32_t (*ssthresh)(struct fdnet_tcp *tp);
	void (*restart)(struct fdnet_tcp *tp, uint64_t idle_us);
};

/* A listener's fast open: TCP_FASTOPEN, TCP_FASTOPEN_KEY. */
struct fdnet_tcp_fo_listen {
	uint32_t qlen; /* connections at most that are not acknowledged */
	bool has_qlen, has_key;
	uint8_t key[16];
};

/* What a connection has learned of its path's MTU (tcp_pmtu.c). IP bytes. */
struct fdnet_tcp_pmtu {
	uint16_t mtu;  /* of a full segment */
	uint16_t high; /* no larger one gets through, or is of use; >= mtu */
	uint16_t size; /* of the probe that is out, 0: none */
	bool told;     /* by ICMP: nothing is to be looked for */
	bool fresh;    /* the search begins: high itself is tried first */
	uint32_t seq;  /* of the probe */
	uint32_t until_s;
};

/* HyStart++; zero until the first slow start. Times: smallest round trip. */
struct fdnet_tcp_hystart {
	uint32_t end;	  /* of this round: when this is acknowledged */
	uint32_t last_us; /* in the round before, 0: none */
	uint32_t now_us;  /* in this round */
	uint32_t base_us; /* when growth was slowed down, 0: it is not */
	uint8_t samples, rounds;
};

struct fdnet_tcp_listener;
struct fdnet_tcp_request;

struct fdnet_tcp {
	struct fdnet_sock so;

	/* --- state and calls --- */
	uint8_t state;	  /* enum fdnet_tcp_state */
	uint8_t shutdown; /* enum fdnet_tcp_shutdown */
	uint8_t rtx_mode;
	uint8_t ca_state;
	bool connecting : 1;	/* connect() has not yet told its outcome */
	bool was_connected : 1; /* end of file rather than ENOTCONN */
	bool nospace : 1;	/* send refused or poll said no: OUT is owed */
	bool passive : 1;
	bool queued : 1;  /* in a listener's accept queue */
	bool pending : 1; /* a gateway's request, not answered yet */
	bool nodelay : 1;
	bool cork : 1;
	bool more : 1; /* the last send had MSG_MORE */
	bool quickack : 1;
	bool lossless : 1; /* the way loses and reorders nothing */
	bool looped : 1;   /* the peer is in this stack */

	/* --- what output has to do --- */
	bool syn_due : 1;   /* SYN or SYN-ACK */
	bool ack_due : 1;   /* an ACK, at once */
	bool probe_due : 1; /* window or keepalive probe */
	bool tlp_due : 1;   /* tail loss probe */
	bool tlp_again : 1; /* the probe at tlp_end was a retransmission */
	bool fin_queued : 1;
	bool fin_sent : 1;
	bool syn_unconfirmed : 1; /* passive, lossless: no ACK seen yet */

	/* --- options agreed with the peer --- */
	bool sack_ok : 1;
	bool ts_ok : 1;
	bool wscale_ok : 1;
	bool ecn_ok : 1;
	bool ece_due : 1; /* echo congestion until CWR comes */
	bool cwr_due : 1;
	bool rcv_fin : 1;   /* the peer's FIN is at fin_rcv_seq */
	bool pingpong : 1;  /* data answers data: let ACKs ride on it */
	bool reordered : 1; /* RACK has seen reordering */
	bool undo_ok : 1;

	/* --- fast open (tcp_fastopen.c) --- */
	bool fo_connect : 1;   /* TCP_FASTOPEN_CONNECT */
	bool fo_no_cookie : 1; /* TCP_FASTOPEN_NO_COOKIE */
	bool fo_defer : 1;     /* connect() was called, the SYN waits for data */
	bool fo_tried : 1;     /* the SYN is, or asks, for it */
	bool fo_option : 1;    /* its option was sent, ... */
	bool fo_exp : 1;       /* ... in the experimental form */
	bool fo_child : 1;     /* made by a SYN with a cookie */
	bool syn_data : 1;     /* there were data in the SYN */
	bool syn_data_acked : 1; /* and all arrived with it */
	bool pmtu_guess : 1; /* pmtu is tried for want of ACKs */
	/* F-RTO: 1 a timeout may have been needless, 2 new data are sent to
	 * find out */
	uint8_t frto : 2;
	bool cwnd_limited : 1; /* the window kept data back lately */
	bool want_inq : 1; /* TCP_INQ, kept for the caller */
	bool part : 1; /* the last bytes queued came with MSG_MORE */
	bool push : 1; /* what is queued may go though it is short */
	uint8_t snd_wscale, rcv_wscale;

	uint8_t urg_state; /* enum fdnet_tcp_urg */
	uint8_t urg_byte;
	uint8_t dupacks;
	uint8_t backoff;     /* timeouts or probes in a row */
	uint8_t keep_probes; /* unanswered */
	uint8_t ack_pkts;    /* data packets not acknowledged */
	uint16_t defer_accept_s; /* fills a hole, as others out of place do */

	/* --- sending --- */
	uint32_t iss, snd_una, snd_nxt;
	uint32_t sndq_seq; /* of the send queue's first byte */
	uint32_t snd_wnd, snd_wl1, snd_wl2, max_wnd;
	uint32_t snd_up; /* urgent pointer; == snd_una: none */
	uint16_t mss;	 /* payload of a full segment, options taken off */
	uint16_t adv_mss, user_mss, peer_mss; /* 0: none */
	uint16_t syn_len; /* bytes of data in the SYN */
	uint8_t reo_mult;    /* quarters of min_us to wait, 1 more than this */
	uint8_t reo_persist; /* recoveries until it falls back */
	struct fdnet_tcp_pmtu *pmtu; /* own; NULL: nothing learned */
	struct fdnet_sndq sndq;
	struct fdnet_tcp_txseg *tx_head, *tx_tail;
	uint32_t sacked_bytes, lost_bytes; /* of txsegs with these flags */

	/* --- congestion and time --- */
	const struct fdnet_tcp_cc *cc;
	uint32_t cwnd, ssthresh; /* bytes */
	uint32_t recover;	 /* recovery ends when this is acknowledged */
	uint32_t prior_cwnd, prior_ssthresh;
	uint32_t prr_delivered, prr_out, prr_flight; /* RFC 6937 */
	uint32_t cwr_end; /* snd_nxt at the mark (CA_CWR) */
	uint32_t undo_seq;     /* snd_una when recovery began */
	uint32_t undo_retrans; /* sent again since, and not known needless */
	struct fdnet_tcp_rtt rtt;
	uint64_t rack_us; /* send time of the newest delivered segment */
	uint32_t rack_end;
	uint32_t rack_rtt_us;
	uint32_t rack_fack;  /* highest sequence number delivered */
	uint32_t reo_round;  /* snd_nxt when reo_mult was raised last */
	/* RFC 7661: the most that was out in this window, and its end */
	uint32_t max_out, usage_seq;
	uint32_t small_out;  /* short segments sent and not acknowledged */
	uint32_t tlp_end;    /* snd_nxt at the probe, 0: none out */
	uint32_t last_data_ms; /* when data arrived, 0: never */
	uint32_t pace_late_us; /* by how much the last DUE_PACE was missed */
	/* One after the other: the first slow start, then @cc's own. Cleared
	 * by fdnet_tcp_cc_leave_start() in between. */
	union {
		struct fdnet_tcp_hystart hystart;
		uint64_t cc_priv[3];
	};
	uint64_t last_send_us;

	/* --- receiving --- */
	uint32_t irs, rcv_nxt;
	uint32_t rcv_wup; /* rcv_nxt as last acknowledged */
	uint32_t rcv_adv; /* right edge as last advertised */
	uint32_t fin_rcv_seq;
	uint32_t urg_seq;    /* of the urgent byte */
	uint32_t ack_thresh; /* bytes that call for an ACK at once */
	uint32_t ts_recent, last_ack_sent, ts_offset;
	uint64_t ts_recent_us;
	uint16_t rcv_mss;    /* largest payload seen, a guess at the peer's */
	uint16_t quick_left; /* ACKs to send at once: start of a connection */
	uint32_t notsent_lowat; /* TCP_NOTSENT_LOWAT */
	struct fdnet_rcvq rcvq;
	uint32_t dsack_start, dsack_end; /* equal: none to report */
	uint32_t charged; /* of these queues in fdnet_stack_tcp_bytes() */
	/* receive buffer tuning: bytes the reader took since drs_us */
	uint32_t drs_copied;
	uint32_t drs_us;       /* low half of a time */
	uint32_t challenge_ms; /* of the last one, 0: never */
	uint64_t last_rcv_us;

	/* --- clock --- */
	struct fdnet_timer timer;
	uint64_t due_us[FDNET_TCP_DUE_MAX];
	uint64_t stalled_us; /* since when nothing was acknowledged, 0: none */

	/* --- options of setsockopt() --- */
	uint16_t keep_idle_s, keep_intvl_s;
	uint8_t keep_cnt, syn_cnt;
	int16_t linger2_s; /* 0: the default, -1: no FIN_WAIT2 */
	uint32_t user_timeout_ms;
	uint32_t window_clamp;

	/* --- before accept --- */
	struct fdnet_tcp_listener *listener; /* own, while listening */
	struct fdnet_tcp *parent, *acc_next; /* while queued */
	struct fdnet_tcp_request *request;   /* while pending */
	struct fdnet_tcp_fo_listen *fo;	     /* own, if options were set */

	/* --- statistics for TCP_INFO --- */
	uint64_t bytes_acked, bytes_received, bytes_sent, bytes_retrans;
	uint32_t segs_in, segs_out, data_segs_in, data_segs_out;
	uint32_t total_retrans, delivered;
	uint16_t dsack_dups, reord_seen;
	/* but the first, in FDNET_TCP_CHRONO_US */
	uint32_t chrono[FDNET_TCP_CHRONO_MAX - 1];
	uint32_t chrono_since;
	uint8_t chrono_type;
	uint8_t reordering; /* segments, the most seen */
};

enum fdnet_tcp_urg {
	FDNET_TCP_URG_NONE,
	FDNET_TCP_URG_NOTYET, /* announced, the byte is still to come */
	FDNET_TCP_URG_VALID,  /* urg_byte is there to be read */
	FDNET_TCP_URG_READ,   /* read; the mark may still be ahead */
};

static inline struct fdnet_tcp *tcp_of(struct fdnet_sock *so)
{
	return (struct fdnet_tcp *)so;
}

static inline const struct fdnet_tcp *tcp_of_const(const struct fdnet_sock *so)
{
	return (const struct fdnet_tcp *)so;
}

static inline uint64_t tcp_now(const struct fdnet_tcp *tp)
{
	return fdnet_stack_time(tp->so.stack);
}

static inline const struct fdnet_mem *tcp_mem(const struct fdnet_tcp *tp)
{
	return fdnet_stack_mem(tp->so.stack);
}

static inline struct fdnet_pkt_pool *tcp_pool(const struct fdnet_tcp *tp)
{
	return fdnet_stack_pool(tp->so.stack);
}

static inline void tcp_count(const struct fdnet_tcp *tp,
			     enum fdnet_stack_counter which)
{
	fdnet_stack_count(tp->so.stack, which);
}

/* A set of states: tcp_in_state(tp, TCP_S(ESTABLISHED) | TCP_S(CLOSE_WAIT)) */
#define TCP_S(name) (1u << FDNET_TCP_##name)

static inline bool tcp_in_state(const struct fdnet_tcp *tp, uint32_t set)
{
	return 1u << tp->state & set;
}

/* Bytes in the send queue that were never sent. */
static inline uint32_t tcp_unsent(const struct fdnet_tcp *tp)
{
	uint32_t sent = tp->snd_nxt - tp->sndq_seq - tp->fin_sent;

	return tp->sndq.bytes > sent ? tp->sndq.bytes - sent : 0;
}

/* Bytes that the network holds, as far as we know (RFC 6675 "pipe"). */
static inline uint32_t tcp_in_flight(const struct fdnet_tcp *tp)
{
	uint32_t gone = tp->sacked_bytes + tp->lost_bytes;
	uint32_t out = tp->snd_nxt - tp->snd_una;

	if (out && tp->snd_una == tp->iss) /* fast open: not the SYN */
		out--;
	/* Without SACK each duplicate ACK tells of one that arrived
	 * (RFC 3042, RFC 6582). */
	if (!tp->sack_ok)
		gone += (uint32_t)tp->dupacks * tp->mss;
	return out > gone ? out - gone : 0;
}

/* The first byte that the application has not read yet. */
static inline uint32_t tcp_copied_seq(const struct fdnet_tcp *tp)
{
	return tp->rcv_nxt - tp->rcvq.bytes -
	       (tp->rcv_fin && seq_gt(tp->rcv_nxt, tp->fin_rcv_seq));
}

/* ---- tcp.c: life of a connection ---- */

/** fdnet_tcp_settle - see the top of this file; @tp may be freed */
void fdnet_tcp_settle(struct fdnet_tcp *tp);
/** fdnet_tcp_note_busy - tell the stack whether somebody must keep driving */
void fdnet_tcp_note_busy(struct fdnet_tcp *tp);
/** fdnet_tcp_done - state CLOSE, queues to send dropped, out of the demux;
 * @error: positive errno for the application, or 0 */
void fdnet_tcp_done(struct fdnet_tcp *tp, int error);
/** fdnet_tcp_set_way - facts about the way to so.peer: lossless, looped, MSS */
void fdnet_tcp_set_way(struct fdnet_tcp *tp);
/** fdnet_tcp_sync_mss - effective segment size from MTU, peer and options */
void fdnet_tcp_sync_mss(struct fdnet_tcp *tp);
/** fdnet_tcp_established - handshake is over: buffers, events, keepalive */
void fdnet_tcp_established(struct fdnet_tcp *tp);
/** fdnet_tcp_time_wait - both FINs are through */
void fdnet_tcp_time_wait(struct fdnet_tcp *tp);
/** fdnet_tcp_start_connect - connect(2) of a fresh socket: -EINPROGRESS, 0
 * when the SYN waits for data (fo_defer), or why not */
int fdnet_tcp_start_connect(struct fdnet_tcp *tp,
			    const struct fdnet_name *name);
/** fdnet_tcp_start_seq - our side of the sequence space begins at @iss */
void fdnet_tcp_start_seq(struct fdnet_tcp *tp, uint32_t iss);
/** fdnet_tcp_enter_fin_wait2 - our FIN is acknowledged, the peer's awaited;
 * an orphan does not wait for ever */
void fdnet_tcp_enter_fin_wait2(struct fdnet_tcp *tp);
/** fdnet_tcp_reset_out - send RST for this connection, now */
void fdnet_tcp_reset_out(struct fdnet_tcp *tp);
/** fdnet_tcp_withdraw - in SYN_SENT, about to be given up: where nothing gets
 * lost a listener may hold the SYN, and is told by a RST. Elsewhere, as from
 * the kernel, nothing is said. */
void fdnet_tcp_withdraw(struct fdnet_tcp *tp);
/** fdnet_tcp_queue_fin - the application will send no more */
void fdnet_tcp_queue_fin(struct fdnet_tcp *tp);
/** fdnet_tcp_isn - initial sequence number (RFC 6528) for so.local, so.peer */
uint32_t fdnet_tcp_isn(struct fdnet_stack *stack, const struct fdnet_name *local,
		       const struct fdnet_name *peer);
/** fdnet_tcp_event - fdnet_sock_event(), unless nobody knows the socket yet */
void fdnet_tcp_event(struct fdnet_tcp *tp, uint32_t events);
/** fdnet_tcp_ts_offset - by how much the timestamp clock of the connection
 * that begins with @iss differs from the stack's */
uint32_t fdnet_tcp_ts_offset(uint32_t iss);
/** fdnet_tcp_ts_now - our timestamp clock: milliseconds, moved per peer */
uint32_t fdnet_tcp_ts_now(const struct fdnet_tcp *tp);

/** fdnet_tcp_chrono - account the time since the last call, note what is now */
void fdnet_tcp_chrono(struct fdnet_tcp *tp);

/* ---- tcp_io.c ---- */

ssize_t fdnet_tcp_send(struct fdnet_sock *so, struct fdnet_msg *msg);
ssize_t fdnet_tcp_recv(struct fdnet_sock *so, struct fdnet_msg *msg);
uint32_t fdnet_tcp_poll(struct fdnet_sock *so);
uint32_t fdnet_tcp_inq(const struct fdnet_sock *so);
/** fdnet_tcp_charge - account what the queues hold now */
void fdnet_tcp_charge(struct fdnet_tcp *tp);
/** fdnet_tcp_is_pressed - all connections together hold too much */
bool fdnet_tcp_is_pressed(const struct fdnet_tcp *tp);
/** fdnet_tcp_write_space - send room appeared: report OUT if it is owed */
void fdnet_tcp_write_space(struct fdnet_tcp *tp);

/* ---- tcp_opt.c ---- */

void fdnet_tcp_changed(struct fdnet_sock *so, int level, int name);

/* ---- tcp_in.c ---- */

void fdnet_tcp_input(struct fdnet_sock *so, struct fdnet_pkt *pkt,
		     const struct fdnet_ip_in *in);
/** fdnet_tcp_segment - a segment for a connection in SYN_RECV or later; @pkt
 * still has its TCP header; taken */
void fdnet_tcp_segment(struct fdnet_tcp *tp, struct fdnet_pkt *pkt,
		       const struct fdnet_tcp_hdr *hdr,
		       const struct fdnet_ip_in *in);
/** fdnet_tcp_rst_for - answer a segment that belongs to nothing (RFC 9293
 * 3.10.7.1) */
void fdnet_tcp_rst_for(struct fdnet_stack *stack, const struct fdnet_ip_in *in,
		       const struct fdnet_tcp_hdr *hdr, uint32_t payload);
/** fdnet_tcp_end_code - how fdnet_sock_fail() says it, or -1: by a reset */
int fdnet_tcp_end_code(int error);
void fdnet_tcp_icmp_error(struct fdnet_sock *so,
			  const struct fdnet_sock_error *err,
			  const uint8_t *inner, uint32_t inner_len, uint32_t mtu);

/* ---- tcp_pmtu.c ---- */

/** fdnet_tcp_path_mtu - an ICMP error that can be believed told it */
void fdnet_tcp_path_mtu(struct fdnet_tcp *tp, uint32_t mtu);
/** fdnet_tcp_mtu - IP bytes of a full segment now, but for TCP_MAXSEG */
uint32_t fdnet_tcp_mtu(const struct fdnet_tcp *tp);
/** fdnet_tcp_pmtu_told - @mtu holds for @s seconds; the segment size is the
 * caller's to set */
void fdnet_tcp_pmtu_told(struct fdnet_tcp *tp, uint32_t mtu, uint32_t s);
/** fdnet_tcp_pmtu_forget - nothing is known of the way */
void fdnet_tcp_pmtu_forget(struct fdnet_tcp *tp);
/** fdnet_tcp_black_hole - a timeout: is the segment too large for the way? */
void fdnet_tcp_black_hole(struct fdnet_tcp *tp);
/** fdnet_tcp_pmtu_acked - the guess of black_hole() was right */
void fdnet_tcp_pmtu_acked(struct fdnet_tcp *tp);
/** fdnet_tcp_pmtu_age - forget what is too old; only if tp->pmtu */
void fdnet_tcp_pmtu_age(struct fdnet_tcp *tp);
/** fdnet_tcp_probe_len - payload of a probe that is to be sent now, larger
 * than a full segment, or 0; @unsent: bytes up to the end of a record, @room:
 * of them within the peer's window */
uint32_t fdnet_tcp_probe_len(struct fdnet_tcp *tp, uint32_t unsent,
			     uint32_t room);
/** fdnet_tcp_probe_begin - it is about to be sent; _sent: it had @len bytes,
 * 0: it could not be sent */
void fdnet_tcp_probe_begin(struct fdnet_tcp *tp, uint32_t len);
void fdnet_tcp_probe_sent(struct fdnet_tcp *tp, uint32_t len);
/** fdnet_tcp_probe_acked - data up to @ack arrived */
void fdnet_tcp_probe_acked(struct fdnet_tcp *tp, uint32_t ack);
/** fdnet_tcp_probe_lost - something was marked lost, by @timeout everything:
 * was it a probe, and nothing else? Then that is no congestion (RFC 4821
 * 7.6.2). */
bool fdnet_tcp_probe_lost(struct fdnet_tcp *tp, bool timeout);
/** fdnet_tcp_probe_resent - [seq, end) goes again: a probe in it tells nothing
 * any more */
void fdnet_tcp_probe_resent(struct fdnet_tcp *tp, uint32_t seq, uint32_t end);

/* Is the segment at @seq, never sent before, a probe, not to be cut? */
static inline bool tcp_is_probe(const struct fdnet_tcp *tp, uint32_t seq)
{
	return tp->pmtu && tp->pmtu->size && tp->pmtu->seq == seq;
}

/* ---- tcp_ack.c ---- */

/** fdnet_tcp_ack - what a segment acknowledges; @data: it carries payload,
 * SYN or FIN. Returns false when the segment must be dropped. */
bool fdnet_tcp_ack(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr,
		   bool data);

/* ---- tcp_loss.c ---- */

/** fdnet_tcp_loss_detect - RACK and duplicate ACKs mark what is lost; starts
 * recovery. Returns whether anything was. */
bool fdnet_tcp_loss_detect(struct fdnet_tcp *tp);
/** fdnet_tcp_enter_loss - a retransmission timeout */
void fdnet_tcp_enter_loss(struct fdnet_tcp *tp);
/** fdnet_tcp_recovery_step - after each ACK: end or go on with recovery.
 * @delivered: bytes newly acknowledged or SACKed; @acked: snd_una moved by;
 * @newly_lost: it told of a loss or of congestion */
void fdnet_tcp_recovery_step(struct fdnet_tcp *tp, uint32_t delivered,
			     uint32_t acked, bool newly_lost);
/** fdnet_tcp_undo - the loss was none: take the window back */
void fdnet_tcp_undo(struct fdnet_tcp *tp);
/** fdnet_tcp_frto - an ACK after a timeout: was it needless? @first_acked: it
 * tells of data that were sent once, before; @acked: bytes */
void fdnet_tcp_frto(struct fdnet_tcp *tp, bool first_acked, uint32_t acked);
/** fdnet_tcp_tlp_lost - the tail loss probe repaired what was lost: the window
 * is reduced for it, at once (RFC 8985 7.4.2) */
void fdnet_tcp_tlp_lost(struct fdnet_tcp *tp);
/** fdnet_tcp_enter_cwr - the window is reduced once a round trip (ECN) */
void fdnet_tcp_enter_cwr(struct fdnet_tcp *tp);

/* ---- tcp_txseg.c ---- */

/** fdnet_txseg_add - [seq, end) was sent now; false: no memory */
bool fdnet_txseg_add(struct fdnet_tcp *tp, uint32_t seq, uint32_t end,
		     uint8_t flags);
/** fdnet_txseg_split - so that a segment ends at @at; false: no memory */
bool fdnet_txseg_split(struct fdnet_tcp *tp, struct fdnet_tcp_txseg *seg,
		       uint32_t at);
/** fdnet_txseg_set, fdnet_txseg_clear - flags, with the byte counts */
void fdnet_txseg_set(struct fdnet_tcp *tp, struct fdnet_tcp_txseg *seg,
		     uint8_t flags);
void fdnet_txseg_clear(struct fdnet_tcp *tp, struct fdnet_tcp_txseg *seg,
		       uint8_t flags);
/** fdnet_txseg_trim - everything before @una is acknowledged: the head is cut
 * or removed. There must be one. */
void fdnet_txseg_trim(struct fdnet_tcp *tp, uint32_t una);
void fdnet_txseg_purge(struct fdnet_tcp *tp);

/* ---- tcp_out.c ---- */

struct fdnet_pkt *fdnet_tcp_output(struct fdnet_sock *so);
/** fdnet_tcp_has_output - would fdnet_tcp_output() give a packet now? */
bool fdnet_tcp_has_output(const struct fdnet_tcp *tp);
/** fdnet_tcp_send_bare - queue a packet without socket: RST, SYN-ACK of a
 * request, TIME_WAIT's ACK */
void fdnet_tcp_send_bare(struct fdnet_stack *stack,
			 const struct fdnet_name *local,
			 const struct fdnet_name *peer,
			 struct fdnet_tcp_hdr *hdr);
/** fdnet_tcp_challenge - an ACK that answers something odd, at a limited rate
 * (RFC 5961 7) */
void fdnet_tcp_challenge(struct fdnet_tcp *tp);
/** fdnet_tcp_ack_bare - this connection's ACK, now, for the socket goes away */
void fdnet_tcp_ack_bare(struct fdnet_tcp *tp);
/** fdnet_tcp_window - the window to advertise now, bytes */
uint32_t fdnet_tcp_window(const struct fdnet_tcp *tp);
/** fdnet_tcp_rcv_space - bytes that the receive buffer may hold */
uint32_t fdnet_tcp_rcv_space(const struct fdnet_tcp *tp);
/** fdnet_tcp_pick_wscale - the shift to offer */
uint8_t fdnet_tcp_pick_wscale(const struct fdnet_tcp *tp);

/* ---- tcp_pace.c ---- */

/** fdnet_tcp_pace_rate - bytes a second, UINT64_MAX: as fast as it goes */
uint64_t fdnet_tcp_pace_rate(const struct fdnet_tcp *tp);
/** fdnet_tcp_pace_burst - bytes of one burst at most, where the link takes
 * @gso */
uint32_t fdnet_tcp_pace_burst(const struct fdnet_tcp *tp, uint32_t mss,
			      uint32_t gso);
/** fdnet_tcp_pace_sent - @len bytes of data left now */
void fdnet_tcp_pace_sent(struct fdnet_tcp *tp, uint32_t len);
/** fdnet_tcp_pace_fire - the deadline is here */
void fdnet_tcp_pace_fire(struct fdnet_tcp *tp);
/** fdnet_tcp_pace_holds - data must wait */
static inline bool fdnet_tcp_pace_holds(const struct fdnet_tcp *tp)
{
	return tp->due_us[FDNET_TCP_DUE_PACE] != FDNET_NEVER &&
	       tp->due_us[FDNET_TCP_DUE_PACE] > tcp_now(tp);
}

/* ---- tcp_timer.c ---- */

void fdnet_tcp_timer_fire(struct fdnet_stack *stack, struct fdnet_timer *timer);
/** fdnet_tcp_due - set one deadline (FDNET_NEVER: none) */
void fdnet_tcp_due(struct fdnet_tcp *tp, enum fdnet_tcp_due which,
		   uint64_t at_us);
/** fdnet_tcp_timer_sync - put the earliest deadline into the heap */
void fdnet_tcp_timer_sync(struct fdnet_tcp *tp);
/** fdnet_tcp_arm_rtx - let the RTX deadline be what the state asks for; a
 * timeout or probe of what is out that runs is left alone */
void fdnet_tcp_arm_rtx(struct fdnet_tcp *tp);
/** fdnet_tcp_restart_rtx - the same, from now on */
void fdnet_tcp_restart_rtx(struct fdnet_tcp *tp);
/** fdnet_tcp_arm_keepalive - (re)start or stop the keepalive clock */
void fdnet_tcp_arm_keepalive(struct fdnet_tcp *tp);
/** fdnet_tcp_rto_us - the timeout now, backoff included */
uint64_t fdnet_tcp_rto_us(const struct fdnet_tcp *tp);

/* ---- tcp_listen.c ---- */

int fdnet_tcp_listen(struct fdnet_sock *so, int backlog);
int fdnet_tcp_accept(struct fdnet_sock *so, struct fdnet_sock **ret_so);
void fdnet_tcp_listen_input(struct fdnet_tcp *tp, struct fdnet_pkt *pkt,
			    const struct fdnet_tcp_hdr *hdr,
			    const struct fdnet_ip_in *in);
/** fdnet_tcp_listen_done - stop listening: reset what was not accepted
 * (@quiet: send nothing) */
void fdnet_tcp_listen_done(struct fdnet_tcp *tp, bool quiet);
/** fdnet_tcp_unqueue - out of the accept queue it stands in, if any */
void fdnet_tcp_unqueue(struct fdnet_tcp *child);
/** fdnet_tcp_listen_timer - retransmit SYN-ACKs, take in what is held; sets the
 * LIFE deadline */
void fdnet_tcp_listen_timer(struct fdnet_tcp *tp);
bool fdnet_tcp_accept_ready(const struct fdnet_tcp *tp);
/** fdnet_tcp_listen_info - queue length and limit, for TCP_INFO */
void fdnet_tcp_listen_info(const struct fdnet_tcp *tp, uint32_t *ret_len,
			   uint32_t *ret_max);
/** fdnet_tcp_fo_confirmed - a queued fast open connection leaves SYN_RECV */
void fdnet_tcp_fo_confirmed(struct fdnet_tcp *child);
/** fdnet_tcp_from_syn - options of the peer's SYN into a new connection */
void fdnet_tcp_from_syn(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr);
/** fdnet_tcp_open_lossless - from SYN_RECV to ESTABLISHED without waiting for
 * the ACK; the SYN-ACK is due */
void fdnet_tcp_open_lossless(struct fdnet_tcp *tp);

/* ---- tcp_cookie.c ---- */

/** fdnet_tcp_cookie_make - the sequence number that stands for @syn */
uint32_t fdnet_tcp_cookie_make(struct fdnet_stack *stack,
			       const struct fdnet_name *local,
			       const struct fdnet_name *peer,
			       const struct fdnet_tcp_hdr *syn);
/** fdnet_tcp_cookie_check - does @ack answer one made within two minutes?
 * @ret_syn: the SYN as far as the cookie tells */
bool fdnet_tcp_cookie_check(struct fdnet_stack *stack,
			    const struct fdnet_name *local,
			    const struct fdnet_name *peer,
			    const struct fdnet_tcp_hdr *ack,
			    struct fdnet_tcp_hdr *ret_syn);

/* ---- tcp_fastopen.c ---- */

/** fdnet_tcp_fo_allowed - may this stack's clients try it? */
bool fdnet_tcp_fo_allowed(const struct fdnet_tcp *tp);
/** fdnet_tcp_fo_client - what the SYN to so.peer shall carry: @ret_fo, and
 * true if data may stand behind it */
bool fdnet_tcp_fo_client(struct fdnet_tcp *tp, struct fdnet_tcp_fo *ret_fo);
/** fdnet_tcp_fo_room - bytes of data that a SYN to so.peer may carry */
uint32_t fdnet_tcp_fo_room(struct fdnet_tcp *tp);
/** fdnet_tcp_fo_synack - the answer to a SYN that tried; @data_left: it
 * acknowledges not all of the data */
void fdnet_tcp_fo_synack(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr,
			 bool data_left);
/** fdnet_tcp_fo_listen - this socket's settings, made if need be; NULL */
struct fdnet_tcp_fo_listen *fdnet_tcp_fo_listen(struct fdnet_tcp *tp);
/**
 * fdnet_tcp_fo_server - may @syn make a connection of listener @tp at once?
 * @data:     bytes in it
 * @waiting:  such connections that are not acknowledged yet
 * @ret_fo:   if not: the option for the SYN-ACK, perhaps none
 */
bool fdnet_tcp_fo_server(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *syn,
			 const struct fdnet_ip_in *in, uint32_t data,
			 uint32_t waiting, struct fdnet_tcp_fo *ret_fo);

/* ---- tcp_tw.c: TIME_WAIT ---- */

/* What TIME_WAIT has to know; see tcp_tw.c. */
struct fdnet_tcp_tw_info {
	struct fdnet_name local, peer;
	int family;
	bool foreign, ts_ok, reuseaddr, reuseport, v6only;
	uint32_t snd_nxt, rcv_nxt, rcv_wnd;
	uint32_t ts_recent, ts_offset;
};

/** fdnet_tcp_tw_new - hold the names for TIME_WAIT; may fail silently */
void fdnet_tcp_tw_new(struct fdnet_stack *stack,
		      const struct fdnet_tcp_tw_info *info);

/* ---- tcp_gateway.c ---- */

/** fdnet_tcp_request_syn - a SYN to a foreign address; false: not taken */
bool fdnet_tcp_request_syn(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			   const struct fdnet_tcp_hdr *hdr,
			   const struct fdnet_ip_in *in);
void fdnet_tcp_request_free(struct fdnet_tcp *tp);
void fdnet_tcp_peer_gone(struct fdnet_sock *so, bool reset);

/* ---- tcp_cc.c ---- */

/** fdnet_tcp_cc_find - by name ("reno", "cubic"); NULL */
const struct fdnet_tcp_cc *fdnet_tcp_cc_find(const char *name, size_t len);
/** fdnet_tcp_cc_start - initial window; called when established */
void fdnet_tcp_cc_start(struct fdnet_tcp *tp);
/** fdnet_tcp_cc_slow_start - grow up to ssthresh; returns the bytes left for
 * congestion avoidance */
uint32_t fdnet_tcp_cc_slow_start(struct fdnet_tcp *tp, uint32_t bytes);
/** fdnet_tcp_cc_leave_start - the first slow start ends; before ssthresh is
 * set, or the window taken back to where it was in it */
void fdnet_tcp_cc_leave_start(struct fdnet_tcp *tp);
/** fdnet_tcp_hystart - an ACK in slow start; @rtt_us: sample, 0: none */
void fdnet_tcp_hystart(struct fdnet_tcp *tp, uint64_t rtt_us);
/** fdnet_tcp_cc_idle - restart after an idle time (RFC 5681 4.1) */
void fdnet_tcp_cc_idle(struct fdnet_tcp *tp, uint64_t idle_us);
extern const struct fdnet_tcp_cc fdnet_tcp_cc_reno;
extern const struct fdnet_tcp_cc fdnet_tcp_cc_cubic;

#endif
