/* SPDX-License-Identifier: Apache-2.0 */
/* One end of the control socket. */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include <jansson.h>

#include "relay/ctl_msg.h"

/**
 * struct client - a connection
 * @message:  the last answer; @reply points into it
 */
struct client {
	int fd;
	struct ctl_reply reply;
	uint8_t message[CTL_REPLY_LEN + CTL_BODY_MAX + 1];
};

/** client_open - connect to the relay at @path. 0 or a negative errno */
int client_open(struct client *client, const char *path);
void client_close(struct client *client);

/**
 * client_ask - ask, and wait for the answer
 * @fd:  goes along, or -1; borrowed
 *
 * Returns 0 with client->reply, whose error may be set and whose body ends
 * with a NUL that is not counted; or a negative errno: -EPIPE when the relay
 * has ended, -EBADMSG, -EPROTO when it is of another version.
 */
int client_ask(struct client *client, const struct ctl_request *request,
	       int fd);

/**
 * client_fetch - an answer in JSON, a listing with all its pages
 * @op:  CTL_STATUS, CTL_FLOWS, CTL_RULES
 * @ret_json:  to be freed with json_decref()
 *
 * Returns as client_ask(), and -EINVAL for what is no JSON.
 */
int client_fetch(struct client *client, enum ctl_op op, json_t **ret_json);

#endif
