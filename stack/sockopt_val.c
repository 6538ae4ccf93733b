/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of socket options: the shapes that rows of several levels share.
 */
#include "config.h"

#include "stack/sockopt_row.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* do_ip_setsockopt(): an int, or a byte when there is no room for one. */
int fdnet_opt_take_int(const void *val, uint32_t len)
{
	int value = 0;

	if (len >= sizeof(value))
		memcpy(&value, val, sizeof(value));
	else if (len)
		value = *(const uint8_t *)val;
	return value;
}

int fdnet_sockopt_give_int(void *val, uint32_t *len, int value)
{
	if (*len > sizeof(value))
		*len = sizeof(value);
	memcpy(val, &value, *len);
	return 0;
}

/* do_ip_getsockopt(): one byte when the caller has no room for an int. */
int fdnet_opt_give_ip_int(const struct fdnet_opt_row *row, void *val,
			  uint32_t *len, int value)
{
	if (row->id.level == IPPROTO_IP && *len && *len < sizeof(value) &&
	    value >= 0 && value <= 255) {
		*(uint8_t *)val = (uint8_t)value;
		*len = 1;
		return 0;
	}
	return fdnet_sockopt_give_int(val, len, value);
}

int fdnet_opt_give(void *val, uint32_t *len, const void *data, uint32_t size)
{
	if (*len > size)
		*len = size;
	memcpy(val, data, *len);
	return 0;
}

int fdnet_opt_set_bool(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		       const void *val, uint32_t len)
{
	*(bool *)fdnet_opt_member(so, row) = fdnet_opt_take_int(val, len) != 0;
	return 0;
}

int fdnet_opt_get_bool(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		       void *val, uint32_t *len)
{
	return fdnet_opt_give_ip_int(row, val, len,
				     *(bool *)fdnet_opt_member(so, row));
}

int fdnet_opt_set_flag(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		       const void *val, uint32_t len)
{
	uint64_t bit = (uint64_t)1 << row->place;
	int value = fdnet_opt_take_int(val, len);

	/* those of IPv6 that take less than an int take it for zero */
	if (row->id.level == IPPROTO_IPV6 && len < sizeof(value))
		value = 0;
	if (row->max && (value < row->min || value > row->max))
		return -EINVAL;
	if (value)
		so->opts.flags |= bit;
	else
		so->opts.flags &= ~bit;
	return 0;
}

int fdnet_opt_get_flag(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		       void *val, uint32_t *len)
{
	return fdnet_opt_give_ip_int(
		row, val, len,
		fdnet_sock_flag(so, (enum fdnet_sock_flag)row->place));
}

int fdnet_opt_set_int(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		      const void *val, uint32_t len)
{
	int value = fdnet_opt_take_int(val, len);

	if (value < row->min || value > row->max)
		return -EINVAL;
	*(int *)fdnet_opt_member(so, row) = value;
	return 0;
}

int fdnet_opt_set_short(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			const void *val, uint32_t len)
{
	int value = fdnet_opt_take_int(val, len);

	if (value < row->min || value > row->max)
		return -EINVAL;
	*(int16_t *)fdnet_opt_member(so, row) = (int16_t)value;
	return 0;
}

int fdnet_opt_get_short(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			void *val, uint32_t *len)
{
	return fdnet_opt_give_ip_int(row, val, len,
				     *(int16_t *)fdnet_opt_member(so, row));
}

int fdnet_opt_get_int(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		      void *val, uint32_t *len)
{
	return fdnet_opt_give_ip_int(row, val, len,
				     *(int *)fdnet_opt_member(so, row));
}

/* The value is in the row. */
int fdnet_opt_get_fixed(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			void *val, uint32_t *len)
{
	return fdnet_opt_give_ip_int(row, val, len, (int)row->place);
}

/* On or off and nothing else. */
int fdnet_opt_set_bit(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		      const void *val, uint32_t len)
{
	int value = fdnet_opt_take_int(val, len);

	if (value < 0 || value > 1)
		return -EINVAL;
	return fdnet_opt_set_flag(so, row, val, len);
}

int fdnet_opt_get_nothing(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			  void *val, uint32_t *len)
{
	*len = 0;
	return 0;
}
