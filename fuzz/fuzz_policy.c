/* SPDX-License-Identifier: Apache-2.0 */
/* Policy files, rules and published ports, and what rules then decide. */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay/options.h"
#include "relay/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int publish(void *arg, const char *spec, struct policy_error *ret_err)
{
	struct publish_spec ret;

	return options_publish(spec, &ret, ret_err);
}

static int limit(void *arg, const char *text, struct policy_error *ret_err)
{
	struct limits ret;

	limits_init(&ret);
	return limits_set(&ret, text, ret_err);
}

static const struct policy_word words[] = {
	{ "publish", publish },
	{ "limit", limit },
	{ NULL, NULL },
};

/* An address made of the input's last bytes. */
static void decide(struct policy *policy, const uint8_t *data, size_t size)
{
	struct policy_query query = { .proto = 6, .port = 443 };
	struct rule *rule;

	if (size < 17)
		return;
	query.ip.family = data[0] & 1 ? 4 : 6;
	memcpy(query.ip.bytes, data + 1, query.ip.family == 4 ? 4 : 16);
	addr_normalise(&query.ip);
	query.cls = addr_classify(&query.ip);
	policy_decide(policy, &query, &rule);
	policy_decide_name(policy, "www.example.com", &rule);
	policy_decide_addr(policy, &query);
	policy_names_addr(policy, &query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_error err;
	struct policy policy;
	char *text = malloc(size + 1);
	FILE *file;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	policy_init(&policy);
	policy_add(&policy, true, text, &err);
	policy_add_all(&policy, text, &err);
	publish(NULL, text, &err);
	file = size ? fmemopen(text, size, "r") : NULL;
	if (file) {
		policy_read(&policy, file, words, NULL, &err);
		fclose(file);
	}
	decide(&policy, data + (size < 17 ? 0 : size - 17), size);
	policy_done(&policy);
	free(text);
	return 0;
}
