/* SPDX-License-Identifier: Apache-2.0 */
/* The counters as a file, for node_exporter's textfile collector. */
#include "config.h"

#include <stdlib.h>

#include "relay/metrics.h"
#include "relay/sys.h"

#define TEXT_MAX (48 << 10)

/* The helper opens a file beside it and renames that when it is whole, so
 * nobody reads half of it. */
static void write_file(struct relay *relay)
{
	char *text = malloc(TEXT_MAX);
	int fd = text ? files_open(&relay->files, FILES_METRICS) : -ENOMEM;
	size_t len = 0, done = 0;

	if (fd >= 0)
		len = metrics_print(relay, text, TEXT_MAX);
	while (done < len) {
		ssize_t rc = SYS_RETRY(write(fd, text + done, len - done));

		if (rc <= 0)
			break;
		done += (size_t)rc;
	}
	if (fd >= 0)
		close(fd);
	if (len && done == len)
		files_tell(&relay->files, FILES_METRICS_DONE);
	else
		count(&relay->counters, C_METRICS_LOST);
	free(text);
}

uint64_t metrics_file_expiry(const struct relay *relay)
{
	return relay->opts->metrics_file ? relay->metrics_file_us :
					   FDNET_NEVER;
}

void metrics_file_advance(struct relay *relay)
{
	if (!relay->opts->metrics_file ||
	    relay->now_us < relay->metrics_file_us)
		return;
	relay->metrics_file_us = relay->now_us + METRICS_FILE_US;
	write_file(relay);
}

void metrics_file_last(struct relay *relay)
{
	if (relay->opts->metrics_file && !relay->metrics_told)
		write_file(relay);
	relay->metrics_told = true;
}
