/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the relay reads from a hostile guest apart from packets: the message
 * header, HELLO, ATTACH and CONTROL; and WELCOME, which the guest reads. The
 * first byte chooses. What decodes can be encoded and decodes again.
 */
#include "config.h"

#include <assert.h>
#include <stdint.h>

#include "endpoint/link.h"
#include "stack/wire/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Room for every body there is. */
static uint8_t bytes[4096];

static void try_hdr(const uint8_t *data, size_t size)
{
	struct fdnet_link_hdr hdr;

	fdnet_link_hdr_decode(data, size, 0, &hdr);
	fdnet_link_hdr_decode(data, size, UINT32_MAX, &hdr);
}

static void try_hello(const uint8_t *data, size_t size)
{
	struct fdnet_hello hello;

	if (fdnet_hello_decode(data, size, &hello) < 0)
		return;
	assert(hello.comm[sizeof(hello.comm) - 1] == '\0');
	fdnet_hello_encode(bytes, &hello);
	assert(fdnet_hello_decode(bytes, size, &hello) == 0);
}

static void try_welcome(const uint8_t *data, size_t size)
{
	struct fdnet_welcome welcome;

	if (fdnet_welcome_decode(data, size, &welcome) < 0)
		return;
	fdnet_welcome_encode(bytes, &welcome);
	assert(fdnet_welcome_decode(bytes, size, &welcome) == 0);
}

static void try_attach(const uint8_t *data, size_t size)
{
	struct fdnet_attach attach;

	if (fdnet_attach_decode(data, size, &attach) < 0)
		return;
	fdnet_attach_encode(bytes, &attach);
	assert(fdnet_attach_decode(bytes, size, &attach) == 0);
}

static void try_ctl(const uint8_t *data, size_t size)
{
	struct fdnet_ctl ctl;
	size_t len;

	if (fdnet_ctl_decode(data, size, &ctl) < 0)
		return;
	len = fdnet_ctl_encode(bytes, &ctl);
	assert(len == size);
	assert(fdnet_ctl_decode(bytes, len, &ctl) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(const uint8_t *, size_t) = {
		try_hdr, try_hello, try_welcome, try_attach, try_ctl};

	if (size > 0)
		tries[data[0] % 5](data + 1, size - 1);
	return 0;
}
