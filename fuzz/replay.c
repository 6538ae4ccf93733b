/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target without a fuzzer, for make check: once with nothing,
 * with every file of its corpus, with every shorter prefix of each, and with
 * each bit of the first bytes turned. The corpus is fuzz/corpus/X for a
 * program named replay_X, or the files and folders given as arguments.
 */
#include "config.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Of longer inputs only the shorter prefixes are tried, and the whole: all
 * would take for ever. */
#define REPLAY_MAX   65536
#define PREFIX_MAX   4096
#define FLIPPED_LEN 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned int files;

/* A copy of exactly this size, so that the sanitizer sees one byte beyond. */
static void run_copy(const uint8_t *data, size_t size)
{
	uint8_t *copy = calloc(1, size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void run_variants(uint8_t *data, size_t size)
{
	size_t i;

	for (i = 0; i <= size && i <= PREFIX_MAX; i++)
		run_copy(data, i);
	if (size > PREFIX_MAX)
		run_copy(data, size);
	for (i = 0; i < size * 8 && i < FLIPPED_LEN * 8; i++) {
		data[i / 8] ^= 1 << (i % 8);
		run_copy(data, size);
		data[i / 8] ^= 1 << (i % 8);
	}
}

static void run_file(const char *path)
{
	static uint8_t data[REPLAY_MAX];
	FILE *in = fopen(path, "rb");
	size_t size;

	if (!in) {
		perror(path);
		exit(1);
	}
	size = fread(data, 1, sizeof(data), in);
	fclose(in);
	run_variants(data, size);
	files++;
}

static void run_path(const char *path)
{
	char below[4096];
	struct dirent *entry;
	struct stat st;
	DIR *dir;

	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
		run_file(path);
		return;
	}
	dir = opendir(path);
	if (!dir) {
		perror(path);
		exit(1);
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		run_path(below);
	}
	closedir(dir);
}

/* ".../fuzz/lt-replay_wire" has its corpus in fuzz/corpus/wire. */
static void run_own_corpus(const char *program)
{
	const char *name = strstr(program, "replay_");
	const char *top = getenv("top_srcdir");
	char path[4096];

	if (!name) {
		fprintf(stderr, "%s: not named replay_X\n", program);
		exit(1);
	}
	snprintf(path, sizeof(path), "%s/fuzz/corpus/%s", top ? top : ".",
		 name + strlen("replay_"));
	run_path(path);
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	int i;

	run_copy((const uint8_t *)"", 0);
	if (argc == 1)
		run_own_corpus(slash ? slash + 1 : argv[0]);
	for (i = 1; i < argc; i++)
		run_path(argv[i]);
	printf("%u files and their variants\n", files);
	return files ? 0 : 1;
}
