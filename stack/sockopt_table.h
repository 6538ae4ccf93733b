/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every socket option there is, a row each:
 *
 * OPTION(level, name, type, set, get, place, min, max, limits, test)
 *
 * @type:     of the value; a set() gets at least so many bytes (but ANY_SIZE)
 * @set:      fdnet_opt_set_...(), called by setsockopt(); none: ENOPROTOOPT
 * @get:      fdnet_opt_get_...(), called by getsockopt()
 * @place:    offset in struct fdnet_sock_opts, or enum fdnet_sock_flag, or what
 *            the handler says
 * @min, @max: of an int, where the handler looks at them
 * @limits:   enum fdnet_opt_limits: which sockets, and the error of the others
 * @test:     the tests of what it does, as in doc/sockopts.md
 *
 * The prototypes of the handlers (sockopt_row.h), the table and its lookup
 * (sockopt.c) and the list of the tests are made of it; tests/check_rfc.sh holds
 * doc/sockopts.md against it. Included several times, so without a guard.
 */
/* clang-format off */

/* ---- SOL_SOCKET ---- */

OPTION(SOL_SOCKET, SO_DEBUG, int, debug, fixed,
       0, 0, 0, FOR_ALL,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(SOL_SOCKET, SO_REUSEADDR, int, bool, bool,
       OPT(reuseaddr), 0, 0, FOR_ALL,
       "test_like_kernel: ports_are_shared_as_the_kernel_does")
OPTION(SOL_SOCKET, SO_REUSEPORT, int, bool, bool,
       OPT(reuseport), 0, 0, FOR_ALL,
       "test_demux: reuseport_spreads_flows_and_keeps_each")
OPTION(SOL_SOCKET, SO_TYPE, int, none, what,
       0, 0, 0, FOR_ALL,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(SOL_SOCKET, SO_ERROR, int, none, what,
       0, 0, 0, FOR_ALL,
       "test_udp: closed_port_is_refused")
OPTION(SOL_SOCKET, SO_PROTOCOL, int, none, what,
       0, 0, 0, FOR_ALL,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(SOL_SOCKET, SO_DOMAIN, int, none, what,
       0, 0, 0, FOR_ALL,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(SOL_SOCKET, SO_ACCEPTCONN, int, none, what,
       0, 0, 0, FOR_ALL,
       "test_sockopt_effect: a_listener_says_that_it_is_one")
OPTION(SOL_SOCKET, SO_DONTROUTE, int, bool, bool,
       OPT(dontroute), 0, 0, FOR_ALL,
       "test_sockopt_effect: dontroute_reaches_the_link_only, "
       "one_message_may_stay_on_the_link")
OPTION(SOL_SOCKET, SO_BROADCAST, int, bool, bool,
       OPT(broadcast), 0, 0, FOR_ALL,
       "test_udp: send_refuses_as_linux")
OPTION(SOL_SOCKET, SO_KEEPALIVE, int, bool, bool,
       OPT(keepalive), 0, 0, FOR_ALL,
       "data.tcp: keepalive_probes_and_gives_up")
OPTION(SOL_SOCKET, SO_OOBINLINE, int, bool, bool,
       OPT(oobinline), 0, 0, FOR_ALL,
       "test_tcp: urgent_byte_stands_apart")
OPTION(SOL_SOCKET, SO_NO_CHECK, int, bool, bool,
       OPT(no_check), 0, 0, FOR_ALL,
       "test_sockopt_effect: no_check_sends_no_checksum")
OPTION(SOL_SOCKET, SO_SNDBUF, int, sndbuf, u32,
       OPT(sndbuf), 0, 0, FOR_ALL,
       "test_udp: a_full_send_buffer_says_when_there_is_room")
OPTION(SOL_SOCKET, SO_RCVBUF, int, rcvbuf, u32,
       OPT(rcvbuf), 0, 0, FOR_ALL,
       "test_udp: a_full_receive_buffer_drops")
OPTION(SOL_SOCKET, SO_SNDBUFFORCE, int, refused, none,
       0, 0, 0, FOR_ALL,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(SOL_SOCKET, SO_RCVBUFFORCE, int, refused, none,
       0, 0, 0, FOR_ALL,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(SOL_SOCKET, SO_BUF_LOCK, int, buf_lock, buf_lock,
       0, 0, 0, FOR_ALL,
       "test_sockopt_effect: a_locked_buffer_bounds_the_low_water_mark")
OPTION(SOL_SOCKET, SO_PRIORITY, int, priority, short,
       OPT(priority), 0, 0, FOR_ALL,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(SOL_SOCKET, SO_LINGER, struct linger, linger, linger,
       0, 0, 0, FOR_ALL,
       "test_sockopt: linger_is_kept; test_tcp: linger_zero_resets")
OPTION(SOL_SOCKET, SO_BSDCOMPAT, int, ignored, fixed,
       0, 0, 0, FOR_ALL,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(SOL_SOCKET, SO_PASSCRED, int, unsupported, unsupported,
       0, 0, 0, FOR_ALL,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(SOL_SOCKET, SO_PEERCRED, struct ucred, none, peercred,
       0, 0, 0, FOR_ALL,
       "test_sockopt_effect: nobody_is_at_the_other_end")
OPTION(SOL_SOCKET, SO_RCVLOWAT, int, rcvlowat, u32,
       OPT(rcvlowat), 0, 0, FOR_ALL,
       "data.tcp: receive_low_water_mark")
OPTION(SOL_SOCKET, SO_SNDLOWAT, int, none, fixed,
       1, 0, 0, FOR_ALL,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(SOL_SOCKET, SO_RCVTIMEO, struct timeval, timeo, timeo,
       OPT(rcvtimeo_us), 0, 0, FOR_ALL,
       "test_sockopt: timeouts_are_kept")
OPTION(SOL_SOCKET, SO_SNDTIMEO, struct timeval, timeo, timeo,
       OPT(sndtimeo_us), 0, 0, FOR_ALL,
       "test_sockopt: timeouts_are_kept")
OPTION(SOL_SOCKET, SO_RCVTIMEO_NEW, struct timeval, timeo, timeo,
       OPT(rcvtimeo_us), 0, 0, FOR_ALL,
       "test_sockopt: timeouts_are_kept")
OPTION(SOL_SOCKET, SO_SNDTIMEO_NEW, struct timeval, timeo, timeo,
       OPT(sndtimeo_us), 0, 0, FOR_ALL,
       "test_sockopt: timeouts_are_kept")
OPTION(SOL_SOCKET, SO_BINDTODEVICE, char, device, device,
       0, 0, 0, ANY_SIZE,
       "test_sockopt: devices_are_bound_by_name; test_sockopt_effect: "
       "a_device_narrows_what_is_heard")
OPTION(SOL_SOCKET, SO_BINDTOIFINDEX, int, ifindex, short,
       OPT(bound_dev), 0, 0, FOR_ALL,
       "test_sockopt_effect: a_device_narrows_what_is_heard, "
       "a_device_narrows_where_to_send, "
       "a_listener_on_a_device_answers_there")
OPTION(SOL_SOCKET, SO_ATTACH_FILTER, struct sock_fprog, filter, nothing,
       16, 0, 0, FOR_ALL,
       "test_sockopt_effect: packet_filters_are_refused")
OPTION(SOL_SOCKET, SO_ATTACH_BPF, int, filter, none,
       4, 0, 0, FOR_ALL,
       "test_sockopt_effect: packet_filters_are_refused")
OPTION(SOL_SOCKET, SO_DETACH_FILTER, int, nothing_there, none,
       0, 0, 0, ANY_SIZE,
       "test_sockopt_effect: packet_filters_are_refused")
OPTION(SOL_SOCKET, SO_TIMESTAMP, int, timestamp, timestamp,
       0, 0, 0, FOR_ALL,
       "test_cmsg: datagrams_tell_when_they_arrived")
OPTION(SOL_SOCKET, SO_TIMESTAMPNS, int, timestamp, timestamp,
       1, 0, 0, FOR_ALL,
       "test_cmsg: datagrams_tell_when_they_arrived")
OPTION(SOL_SOCKET, SO_TIMESTAMP_NEW, int, timestamp, timestamp,
       2, 0, 0, FOR_ALL,
       "test_cmsg: datagrams_tell_when_they_arrived")
OPTION(SOL_SOCKET, SO_TIMESTAMPNS_NEW, int, timestamp, timestamp,
       3, 0, 0, FOR_ALL,
       "test_cmsg: datagrams_tell_when_they_arrived")
OPTION(SOL_SOCKET, SO_TIMESTAMPING, int, timestamping, timestamping,
       0, 0, 0, FOR_ALL,
       "test_cmsg: a_datagram_is_stamped_when_it_leaves, a_stream_is_stamped_when_sent_and_acknowledged, stamping_is_checked")
OPTION(SOL_SOCKET, SO_TIMESTAMPING_NEW, int, timestamping, timestamping,
       0, 0, 0, FOR_ALL,
       "test_cmsg: streams_tell_when_their_bytes_arrived")
OPTION(SOL_SOCKET, SO_MARK, int, refused, fixed,
       0, 0, 0, FOR_ALL,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(SOL_SOCKET, SO_RXQ_OVFL, int, flag, flag,
       FDNET_SF_RXQ_OVFL, 0, 0, FOR_ALL,
       "test_cmsg: lost_datagrams_are_counted")
OPTION(SOL_SOCKET, SO_SELECT_ERR_QUEUE, int, flag, flag,
       FDNET_SF_SELECT_ERRQ, 0, 0, FOR_ALL,
       "test_sockopt_effect: a_queued_error_may_count_as_urgent")
OPTION(SOL_SOCKET, SO_BUSY_POLL, int, int, int,
       OPT(busy_poll), 0, INT_MAX, FOR_ALL,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(SOL_SOCKET, SO_MAX_PACING_RATE, int, pacing, pacing,
       0, 0, 0, FOR_ALL,
       "pacing.tcp")
OPTION(SOL_SOCKET, SO_INCOMING_CPU, int, int, int,
       OPT(incoming_cpu), INT_MIN, INT_MAX, FOR_ALL,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(SOL_SOCKET, SO_INCOMING_NAPI_ID, int, none, fixed,
       0, 0, 0, FOR_ALL,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(SOL_SOCKET, SO_MEMINFO, uint32_t, none, meminfo,
       0, 0, 0, FOR_ALL,
       "test_sockopt_effect: meminfo_tells_the_queues")
OPTION(SOL_SOCKET, SO_ZEROCOPY, int, bit, flag,
       FDNET_SF_ZEROCOPY, 0, 0, FOR_PORTS,
       "test_cmsg: zero_copy_sends_are_told_in_ranges")
OPTION(SOL_SOCKET, SO_TXREHASH, int, flag, flag,
       FDNET_SF_TXREHASH, -1, 1, FOR_TCP,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(SOL_SOCKET, SO_RCVMARK, int, flag, flag,
       FDNET_SF_RCVMARK, 0, 0, FOR_ALL,
       "test_sockopt_effect: marks_are_wanted_and_there_are_none")

/* ---- IPPROTO_IP ---- */

OPTION(IPPROTO_IP, IP_TOS, int, tos, default,
       OPT(tos), 0, 0, ANY_SIZE,
       "test_cmsg: ipv4_tells_what_was_asked_for")
OPTION(IPPROTO_IP, IP_TTL, int, ttl, default,
       OPT(ttl), 0, 0, ANY_SIZE,
       "test_cmsg: ipv4_tells_what_was_asked_for")
OPTION(IPPROTO_IP, IP_HDRINCL, int, bool, bool,
       OPT(hdrincl), 0, 0, FOR_RAW | ANY_SIZE,
       "test_icmp: an_own_header_is_completed")
OPTION(IPPROTO_IP, IP_OPTIONS, uint8_t, options, nothing,
       0, 0, 0, ANY_SIZE,
       "test_sockopt_effect: only_padding_is_an_ip_option")
OPTION(IPPROTO_IP, IP_ROUTER_ALERT, int, router_alert, flag,
       FDNET_SF_ROUTER_ALERT, 0, 0, ANY_SIZE,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(IPPROTO_IP, IP_RECVOPTS, int, flag, flag,
       FDNET_SF_RECVOPTS, 0, 0, ANY_SIZE,
       "test_cmsg: ip_options_are_given")
OPTION(IPPROTO_IP, IP_RETOPTS, int, flag, flag,
       FDNET_SF_RETOPTS, 0, 0, ANY_SIZE,
       "test_cmsg: ip_options_are_given")
OPTION(IPPROTO_IP, IP_PKTINFO, int, bool, bool,
       OPT(pktinfo), 0, 0, ANY_SIZE,
       "test_cmsg: ipv4_tells_what_was_asked_for")
OPTION(IPPROTO_IP, IP_PKTOPTIONS, uint8_t, none, pktoptions,
       0, 0, 0, FOR_ALL,
       "test_sockopt_effect: a_stream_has_no_packet_options")
OPTION(IPPROTO_IP, IP_MTU_DISCOVER, int, short, short,
       OPT(mtu_discover), 0, 5, ANY_SIZE,
       "test_udp: dont_fragment_refuses_what_does_not_fit")
OPTION(IPPROTO_IP, IP_RECVERR, int, bool, bool,
       OPT(recverr), 0, 0, ANY_SIZE,
       "test_icmp: the_error_queue_hears_everything; test_cmsg: a_stream_queues_why_it_could_not_connect")
OPTION(IPPROTO_IP, IP_RECVTTL, int, bool, bool,
       OPT(recvttl), 0, 0, ANY_SIZE,
       "test_cmsg: ipv4_tells_what_was_asked_for")
OPTION(IPPROTO_IP, IP_RECVTOS, int, bool, bool,
       OPT(recvtos), 0, 0, ANY_SIZE,
       "test_cmsg: ipv4_tells_what_was_asked_for")
OPTION(IPPROTO_IP, IP_MTU, int, none, mtu,
       0, 0, 0, FOR_ALL,
       "test_sockopt: mtu_is_told_of_connected_sockets_only")
OPTION(IPPROTO_IP, IP_FREEBIND, uint8_t, flag, flag,
       FDNET_SF_FREEBIND, 0, 0, FOR_ALL,
       "test_sockopt_effect: freebind_takes_any_address")
OPTION(IPPROTO_IP, IP_PASSSEC, int, flag, flag,
       FDNET_SF_PASSSEC, 0, 0, ANY_SIZE,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(IPPROTO_IP, IP_TRANSPARENT, int, refused_on, fixed,
       0, 0, 0, ANY_SIZE,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(IPPROTO_IP, IP_RECVORIGDSTADDR, int, flag, flag,
       FDNET_SF_ORIGDST, 0, 0, ANY_SIZE,
       "test_cmsg: ipv4_tells_what_was_asked_for")
OPTION(IPPROTO_IP, IP_MINTTL, int, min_ttl, min_ttl,
       0, 0, 0, ANY_SIZE,
       "test_sockopt_effect: what_came_from_afar_is_not_heard")
OPTION(IPPROTO_IP, IP_NODEFRAG, int, flag, flag,
       FDNET_SF_NODEFRAG, 0, 0, FOR_RAW | ANY_SIZE,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(IPPROTO_IP, IP_CHECKSUM, int, flag, flag,
       FDNET_SF_CHECKSUM, 0, 0, ANY_SIZE,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, int, flag, flag,
       FDNET_SF_BIND_NO_PORT, 0, 0, ANY_SIZE,
       "test_sockopt_effect: an_address_may_be_bound_without_a_port")
OPTION(IPPROTO_IP, IP_RECVFRAGSIZE, int, flag, flag,
       FDNET_SF_FRAGSIZE, 0, 0, FOR_DGRAM | ANY_SIZE,
       "test_cmsg: the_largest_fragment_is_told")
OPTION(IPPROTO_IP, IP_RECVERR_RFC4884, int, bit, flag,
       FDNET_SF_RFC4884, 0, 0, ANY_SIZE,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(IPPROTO_IP, IP_PROTOCOL, int, none, what,
       0, 0, 0, FOR_ALL,
       "test_sockopt_effect: a_raw_socket_tells_its_protocol")
OPTION(IPPROTO_IP, IP_MULTICAST_IF, struct in_addr, mcast_if, mcast_if,
       0, 0, 0, FOR_DGRAM | ANY_SIZE,
       "test_sockopt_effect: what_is_said_on_loopback_stays_here, "
       "multicast_interface_is_told_by_its_address")
OPTION(IPPROTO_IP, IP_MULTICAST_TTL, int, mcast_ttl, short,
       OPT(mcast_ttl), 0, 0, FOR_DGRAM | ANY_SIZE,
       "test_udp: multicast_has_its_own_ttl")
OPTION(IPPROTO_IP, IP_MULTICAST_LOOP, int, mcast_loop, bool,
       OPT(mcast_loop), 0, 0, ANY_SIZE,
       "test_udp: multicast_reaches_all_members_here_and_there")
OPTION(IPPROTO_IP, IP_MULTICAST_ALL, int, mcast_all, flag,
       FDNET_SF_MCAST_ALL, 0, 0, ANY_SIZE,
       "test_udp: only_members_hear_when_they_want_it_so")
OPTION(IPPROTO_IP, IP_ADD_MEMBERSHIP, int, membership, none,
       0, 0, 0, ANY_SIZE,
       "test_sockopt: groups_are_joined_and_left")
OPTION(IPPROTO_IP, IP_DROP_MEMBERSHIP, int, membership, none,
       0, 0, 0, ANY_SIZE,
       "test_sockopt: groups_are_joined_and_left")
OPTION(IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, struct ip_mreq_source, source4, none,
       0, 0, 0, ANY_SIZE,
       "test_mcast: options_answer_as_linux_does, sources_pass_the_filter")
OPTION(IPPROTO_IP, IP_DROP_SOURCE_MEMBERSHIP, struct ip_mreq_source, source4, none,
       0, 0, 0, ANY_SIZE,
       "test_mcast: options_answer_as_linux_does, sources_pass_the_filter")
OPTION(IPPROTO_IP, IP_BLOCK_SOURCE, struct ip_mreq_source, source4, none,
       0, 0, 0, ANY_SIZE,
       "test_mcast: options_answer_as_linux_does, sources_pass_the_filter")
OPTION(IPPROTO_IP, IP_UNBLOCK_SOURCE, struct ip_mreq_source, source4, none,
       0, 0, 0, ANY_SIZE,
       "test_mcast: options_answer_as_linux_does, sources_pass_the_filter")
OPTION(IPPROTO_IP, IP_MSFILTER, struct ip_msfilter, msfilter4, msfilter4,
       0, 0, 0, ANY_SIZE,
       "test_mcast: whole_filters_are_set_and_read")
OPTION(IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, struct group_source_req, source, none,
       0, 0, 0, FOR_ALL,
       "test_mcast: options_answer_as_linux_does, sources_pass_the_filter")
OPTION(IPPROTO_IP, MCAST_LEAVE_SOURCE_GROUP, struct group_source_req, source, none,
       0, 0, 0, FOR_ALL,
       "test_mcast: options_answer_as_linux_does, sources_pass_the_filter")
OPTION(IPPROTO_IP, MCAST_BLOCK_SOURCE, struct group_source_req, source, none,
       0, 0, 0, FOR_ALL,
       "test_mcast: options_answer_as_linux_does, sources_pass_the_filter")
OPTION(IPPROTO_IP, MCAST_UNBLOCK_SOURCE, struct group_source_req, source, none,
       0, 0, 0, FOR_ALL,
       "test_mcast: options_answer_as_linux_does, sources_pass_the_filter")
OPTION(IPPROTO_IP, MCAST_MSFILTER, struct group_filter, msfilter, msfilter,
       0, 0, 0, ANY_SIZE,
       "test_mcast: whole_filters_are_set_and_read")
OPTION(IPPROTO_IP, MCAST_JOIN_GROUP, struct group_req, group, none,
       0, 0, 0, FOR_ALL,
       "test_sockopt_effect: members_hear_until_they_leave")
OPTION(IPPROTO_IP, MCAST_LEAVE_GROUP, struct group_req, group, none,
       0, 0, 0, FOR_ALL,
       "test_sockopt_effect: members_hear_until_they_leave")

/* ---- IPPROTO_IPV6 ---- */

OPTION(IPPROTO_IPV6, IPV6_2292PKTINFO, int, flag, flag,
       FDNET_SF_OLD_PKTINFO6, 0, 0, FOR_ALL,
       "test_cmsg: ipv6_tells_what_was_asked_for")
OPTION(IPPROTO_IPV6, IPV6_2292HOPLIMIT, int, flag, flag,
       FDNET_SF_OLD_HOPLIMIT6, 0, 0, FOR_ALL,
       "test_cmsg: ipv6_tells_what_was_asked_for")
OPTION(IPPROTO_IPV6, IPV6_UNICAST_HOPS, int, short, default,
       OPT(hops6), -1, 255, FOR_ALL,
       "test_cmsg: ipv6_tells_what_was_asked_for")
OPTION(IPPROTO_IPV6, IPV6_MULTICAST_IF, int, mcast_if6, short,
       OPT(mcast_if), 0, 0, FOR_DGRAM6,
       "test_sockopt_effect: what_is_said_on_loopback_stays_here")
OPTION(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, int, short, default,
       OPT(mcast_hops6), -1, 255, FOR_DGRAM6,
       "test_sockopt_effect: ipv6_groups_have_their_own_options")
OPTION(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, int, flag, flag,
       FDNET_SF_MCAST_LOOP6, 0, 1, FOR_ALL,
       "test_sockopt_effect: ipv6_groups_have_their_own_options")
OPTION(IPPROTO_IPV6, IPV6_MULTICAST_ALL, int, flag, flag,
       FDNET_SF_MCAST_ALL6, 0, 0, FOR_ALL,
       "test_sockopt_effect: ipv6_groups_have_their_own_options")
OPTION(IPPROTO_IPV6, IPV6_JOIN_GROUP, struct ipv6_mreq, membership6, none,
       0, 0, 0, FOR_ALL,
       "test_sockopt_effect: members_hear_until_they_leave")
OPTION(IPPROTO_IPV6, IPV6_LEAVE_GROUP, struct ipv6_mreq, membership6, none,
       0, 0, 0, FOR_ALL,
       "test_sockopt_effect: members_hear_until_they_leave")
OPTION(IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, struct group_source_req, source, none,
       0, 0, 0, FOR_ALL,
       "test_mcast: options_answer_as_linux_does, sources_pass_the_filter")
OPTION(IPPROTO_IPV6, MCAST_LEAVE_SOURCE_GROUP, struct group_source_req, source, none,
       0, 0, 0, FOR_ALL,
       "test_mcast: options_answer_as_linux_does, sources_pass_the_filter")
OPTION(IPPROTO_IPV6, MCAST_BLOCK_SOURCE, struct group_source_req, source, none,
       0, 0, 0, FOR_ALL,
       "test_mcast: options_answer_as_linux_does, sources_pass_the_filter")
OPTION(IPPROTO_IPV6, MCAST_UNBLOCK_SOURCE, struct group_source_req, source, none,
       0, 0, 0, FOR_ALL,
       "test_mcast: options_answer_as_linux_does, sources_pass_the_filter")
OPTION(IPPROTO_IPV6, MCAST_MSFILTER, struct group_filter, msfilter, msfilter,
       0, 0, 0, ANY_SIZE,
       "test_mcast: whole_filters_are_set_and_read")
OPTION(IPPROTO_IPV6, MCAST_JOIN_GROUP, struct group_req, group, none,
       0, 0, 0, FOR_ALL,
       "test_sockopt_effect: members_hear_until_they_leave")
OPTION(IPPROTO_IPV6, MCAST_LEAVE_GROUP, struct group_req, group, none,
       0, 0, 0, FOR_ALL,
       "test_sockopt_effect: members_hear_until_they_leave")
OPTION(IPPROTO_IPV6, IPV6_MTU_DISCOVER, int, short, short,
       OPT(mtu_discover6), 0, 5, FOR_ALL,
       "test_sockopt_effect: ipv6_packets_are_no_longer_than_said")
OPTION(IPPROTO_IPV6, IPV6_MTU, int, mtu6, mtu,
       0, 0, 0, FOR_ALL,
       "test_sockopt_effect: ipv6_packets_are_no_longer_than_said")
OPTION(IPPROTO_IPV6, IPV6_RECVERR, int, flag, flag,
       FDNET_SF_RECVERR6, 0, 0, FOR_ALL,
       "test_sockopt_effect: ipv6_errors_are_queued")
OPTION(IPPROTO_IPV6, IPV6_RECVERR_RFC4884, int, bit, flag,
       FDNET_SF_RFC4884_6, 0, 0, FOR_ALL,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(IPPROTO_IPV6, IPV6_V6ONLY, int, v6only, bool,
       OPT(v6only), 0, 0, FOR_ALL,
       "test_udp: v6only_hears_and_sends_ipv6_only; test_sockopt: v6only_is_fixed_once_bound")
OPTION(IPPROTO_IPV6, IPV6_FLOWINFO, int, flag, flag,
       FDNET_SF_FLOWINFO6, 0, 0, FOR_ALL,
       "test_cmsg: ipv6_tells_what_was_asked_for")
OPTION(IPPROTO_IPV6, IPV6_FLOWINFO_SEND, int, flag, flag,
       FDNET_SF_FLOWSEND6, 0, 0, FOR_ALL,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(IPPROTO_IPV6, IPV6_RECVPKTINFO, int, flag, flag,
       FDNET_SF_PKTINFO6, 0, 0, FOR_ALL,
       "test_cmsg: ipv6_tells_what_was_asked_for")
OPTION(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, int, flag, flag,
       FDNET_SF_HOPLIMIT6, 0, 0, FOR_ALL,
       "test_cmsg: ipv6_tells_what_was_asked_for")
OPTION(IPPROTO_IPV6, IPV6_RECVHOPOPTS, int, flag, flag,
       FDNET_SF_HOPOPTS6, 0, 0, FOR_ALL,
       "test_cmsg: extension_headers_are_given")
OPTION(IPPROTO_IPV6, IPV6_RECVRTHDR, int, flag, flag,
       FDNET_SF_RTHDR6, 0, 0, FOR_ALL,
       "test_cmsg: extension_headers_are_given")
OPTION(IPPROTO_IPV6, IPV6_RECVDSTOPTS, int, flag, flag,
       FDNET_SF_DSTOPTS6, 0, 0, FOR_ALL,
       "test_cmsg: extension_headers_are_given")
OPTION(IPPROTO_IPV6, IPV6_RECVPATHMTU, int, flag, flag,
       FDNET_SF_PATHMTU6, 0, 0, FOR_ALL,
       "test_cmsg: a_path_that_is_too_narrow_is_told")
OPTION(IPPROTO_IPV6, IPV6_DONTFRAG, int, flag, flag,
       FDNET_SF_DONTFRAG, 0, 0, ANY_SIZE,
       "test_cmsg: a_path_that_is_too_narrow_is_told")
OPTION(IPPROTO_IPV6, IPV6_RECVTCLASS, int, flag, flag,
       FDNET_SF_TCLASS6, 0, 0, FOR_ALL,
       "test_cmsg: ipv6_tells_what_was_asked_for")
OPTION(IPPROTO_IPV6, IPV6_TCLASS, int, tclass, default,
       OPT(tclass6), 0, 0, FOR_ALL,
       "test_cmsg: ipv6_tells_what_was_asked_for")
OPTION(IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, int, flag, flag,
       FDNET_SF_AUTOFLOW6, 0, 0, ANY_SIZE,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(IPPROTO_IPV6, IPV6_MINHOPCOUNT, int, min_ttl, min_ttl,
       0, 0, 0, FOR_ALL,
       "test_sockopt_effect: what_came_from_afar_is_not_heard")
OPTION(IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, int, flag, flag,
       FDNET_SF_ORIGDST6, 0, 0, FOR_ALL,
       "test_cmsg: ipv6_tells_what_was_asked_for")
OPTION(IPPROTO_IPV6, IPV6_TRANSPARENT, int, refused_on, fixed,
       0, 0, 0, FOR_ALL,
       "test_sockopt_effect: transparent_is_for_administrators")
OPTION(IPPROTO_IPV6, IPV6_RECVFRAGSIZE, int, flag, flag,
       FDNET_SF_FRAGSIZE6, 0, 0, ANY_SIZE,
       "test_cmsg: the_largest_fragment_is_told")
OPTION(IPPROTO_IPV6, IPV6_FREEBIND, int, flag, flag,
       FDNET_SF_FREEBIND, 0, 0, FOR_ALL,
       "test_sockopt_effect: freebind_takes_any_address")
OPTION(IPPROTO_IPV6, IPV6_CHECKSUM, int, ip6_checksum, ip6_checksum,
       0, 0, 0, OF_RAW,
       "test_icmp: raw_sockets_of_ipv6_see_the_payload_and_get_their_checksum")

/* ---- IPPROTO_TCP ---- */

OPTION(IPPROTO_TCP, TCP_NODELAY, int, tcp_nodelay, tcp_nodelay,
       0, 0, 0, OF_TCP,
       "data.tcp: nodelay_does_not_hold")
OPTION(IPPROTO_TCP, TCP_MAXSEG, int, tcp_maxseg, tcp_maxseg,
       0, 0, 0, OF_TCP,
       "data.tcp: maxseg_limits_what_is_offered; options.tcp: "
       "maxseg_is_kept")
OPTION(IPPROTO_TCP, TCP_CORK, int, tcp_cork, tcp_cork,
       0, 0, 0, OF_TCP,
       "test_tcp: cork_holds_until_it_is_pulled")
OPTION(IPPROTO_TCP, TCP_KEEPIDLE, int, tcp_keepidle, tcp_keepidle,
       0, 0, 0, OF_TCP,
       "data.tcp: keepalive_probes_and_gives_up; options.tcp: "
       "keepidle_is_kept")
OPTION(IPPROTO_TCP, TCP_KEEPINTVL, int, tcp_keepintvl, tcp_keepintvl,
       0, 0, 0, OF_TCP,
       "data.tcp: keepalive_probes_and_gives_up; options.tcp: "
       "keepintvl_is_kept")
OPTION(IPPROTO_TCP, TCP_KEEPCNT, int, tcp_keepcnt, tcp_keepcnt,
       0, 0, 0, OF_TCP,
       "data.tcp: keepalive_probes_and_gives_up; options.tcp: "
       "keepcnt_is_kept")
OPTION(IPPROTO_TCP, TCP_SYNCNT, int, tcp_syncnt, tcp_syncnt,
       0, 0, 0, OF_TCP,
       "options.tcp: syncnt_bounds_the_syns, syncnt_is_kept")
OPTION(IPPROTO_TCP, TCP_LINGER2, int, tcp_linger2, tcp_linger2,
       0, 0, 0, OF_TCP,
       "closing.tcp: linger2_shortens_fin_wait2, negative_linger2_resets; "
       "options.tcp: linger2_is_kept")
OPTION(IPPROTO_TCP, TCP_DEFER_ACCEPT, int, tcp_defer_accept, tcp_defer_accept,
       0, 0, 0, OF_TCP,
       "handshake.tcp: defer_accept_waits_for_data; options.tcp: "
       "defer_accept_is_kept")
OPTION(IPPROTO_TCP, TCP_WINDOW_CLAMP, int, tcp_window_clamp, tcp_window_clamp,
       0, 0, 0, OF_TCP,
       "data.tcp: window_clamp_limits_the_window; options.tcp: "
       "window_clamp_is_kept")
OPTION(IPPROTO_TCP, TCP_QUICKACK, int, tcp_quickack, tcp_quickack,
       0, 0, 0, OF_TCP,
       "data.tcp: quickack_acknowledges_at_once; options.tcp: "
       "quickack_is_kept")
OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT, int, tcp_user_timeout, tcp_user_timeout,
       0, 0, 0, OF_TCP,
       "data.tcp: user_timeout_ends_zero_window")
OPTION(IPPROTO_TCP, TCP_NOTSENT_LOWAT, int, tcp_notsent_lowat, tcp_notsent_lowat,
       0, 0, 0, OF_TCP,
       "test_cmsg: one_write_ends_at_the_low_water_mark")
OPTION(IPPROTO_TCP, TCP_FASTOPEN, int, tcp_fastopen, tcp_fastopen,
       0, 0, 0, OF_TCP,
       "fastopen.tcp; test_tcp_fastopen")
OPTION(IPPROTO_TCP, TCP_FASTOPEN_CONNECT, int, tcp_fastopen_connect, tcp_fastopen_connect,
       0, 0, 0, OF_TCP,
       "fastopen.tcp: connect_waits_for_the_first_write; test_tcp_fastopen")
OPTION(IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, int, tcp_fastopen_no_cookie, tcp_fastopen_no_cookie,
       0, 0, 0, OF_TCP,
       "fastopen.tcp: no_cookie_is_asked_for_when_the_listener_says_so; "
       "test_tcp_fastopen")
OPTION(IPPROTO_TCP, TCP_INQ, int, tcp_inq, tcp_inq,
       0, 0, 0, OF_TCP,
       "test_cmsg: what_is_left_of_a_stream_is_told")
OPTION(IPPROTO_TCP, TCP_CONGESTION, char, tcp_congestion, tcp_congestion,
       0, 0, 0, OF_TCP | ANY_SIZE,
       "test_tcp: info_and_options")
OPTION(IPPROTO_TCP, TCP_FASTOPEN_KEY, uint8_t, tcp_fastopen_key, tcp_fastopen_key,
       0, 0, 0, OF_TCP | ANY_SIZE,
       "test_tcp_fastopen")
OPTION(IPPROTO_TCP, TCP_INFO, struct tcp_info, none, tcp_info,
       0, 0, 0, OF_TCP,
       "test_tcp: info_and_options")
OPTION(IPPROTO_TCP, TCP_CC_INFO, uint8_t, none, nothing,
       0, 0, 0, OF_TCP,
       "test_tcp: info_and_options")

/* ---- IPPROTO_UDP ---- */

OPTION(IPPROTO_UDP, UDP_CORK, int, udp_cork, udp_cork,
       0, 0, 0, OF_UDP,
       "test_udp: corked_pieces_go_as_one")
OPTION(IPPROTO_UDP, UDP_SEGMENT, int, udp_segment, udp_segment,
       0, 0, 0, OF_UDP,
       "test_udp: segments_go_as_datagrams_of_their_own")
OPTION(IPPROTO_UDP, UDP_GRO, int, udp_gro, udp_gro,
       0, 0, 0, OF_UDP,
       "test_udp: bursts_are_read_in_one")
OPTION(IPPROTO_UDP, UDP_ENCAP, int, udp_encap, fixed,
       0, 0, 0, OF_UDP,
       "test_sockopt: ints_are_set_and_read_as_linux_does")
OPTION(IPPROTO_UDP, UDP_NO_CHECK6_TX, int, flag, flag,
       FDNET_SF_NO_CHECK6_TX, 0, 0, OF_UDP,
       "test_sockopt_effect: no_check6_is_for_those_who_ask")
OPTION(IPPROTO_UDP, UDP_NO_CHECK6_RX, int, flag, flag,
       FDNET_SF_NO_CHECK6_RX, 0, 0, OF_UDP,
       "test_sockopt_effect: no_check6_is_for_those_who_ask")

/* ---- IPPROTO_UDPLITE ---- */

OPTION(IPPROTO_UDPLITE, UDPLITE_SEND_CSCOV, int, udplite_send, udplite_send,
       0, 0, 0, OF_UDP,
       "test_udplite: coverage_is_set_and_read_as_linux_does")
OPTION(IPPROTO_UDPLITE, UDPLITE_RECV_CSCOV, int, udplite_recv, udplite_recv,
       0, 0, 0, OF_UDP,
       "test_udplite: coverage_is_set_and_read_as_linux_does")

/* ---- SOL_RAW ---- */

OPTION(SOL_RAW, ICMP_FILTER, int, icmp_filter, icmp_filter,
       0, 0, 0, OF_RAW | ANY_SIZE,
       "test_icmp: raw_sockets_see_replies_with_their_header")
OPTION(SOL_RAW, IPV6_CHECKSUM, int, ip6_checksum, ip6_checksum,
       0, 0, 0, OF_RAW,
       "test_icmp: raw_sockets_of_ipv6_see_the_payload_and_get_their_checksum")

/* ---- IPPROTO_ICMPV6 ---- */

OPTION(IPPROTO_ICMPV6, ICMP6_FILTER, struct icmp6_filter, icmp6_filter, icmp6_filter,
       0, 0, 0, OF_RAW | ANY_SIZE,
       "test_sockopt_effect: icmp6_types_are_filtered")
/* clang-format on */
