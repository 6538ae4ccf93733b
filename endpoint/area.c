/* SPDX-License-Identifier: Apache-2.0 */
/* The payload area of a link: see the header. */
#include "config.h"

#include "endpoint/area.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "endpoint/packet_internal.h"

/* Counters of one half; the halves' lie on pages of their own. */
#define COUNTERS_STRIDE 4096
/* Behind them, the rings' states. */
#define RING_STATES (2 * COUNTERS_STRIDE)
/* Blocks looked at when the first in the queue is not back yet. */
#define LOOK 8
/* Descriptions of the peer's parts that are kept for reuse. */
#define PARTS_KEPT 64

#define WANTED_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static_assert(FDNET_AREA_BLOCKS * sizeof(uint32_t) <= COUNTERS_STRIDE,
	      "a half's counters fit");
static_assert(RING_STATES + 2 * FDNET_RING_STATE <= FDNET_AREA_RINGS,
	      "the rings' states fit");

/* A block of ours. */
struct block {
	struct fdnet_buf buf;
	uint32_t sent; /* references sent so far */
};

struct fdnet_area {
	const struct fdnet_mem *mem;
	uint8_t *base;
	unsigned int half; /* 0: the guest's blocks are ours, 1: the relay's */
	uint32_t users;	   /* buffers out there, and the owner of the area */
	bool is_mapped;
	/* ours and held by nobody here: a stack of those that are free, a queue
	 * of those that the peer was reading when it was looked at last */
	struct fdnet_buf *ready, *read, *read_last;
	struct fdnet_buf *parts;
	unsigned int nparts;
	struct block blocks[FDNET_AREA_BLOCKS];
};

static uint32_t first_block(unsigned int half)
{
	return FDNET_AREA_HEAD + half * FDNET_AREA_BLOCKS * FDNET_BUF_SIZE;
}

/* How many references to this block the reader has done with. */
static uint32_t *counter(const struct fdnet_area *area, unsigned int half,
			 unsigned int i)
{
	return (uint32_t *)(void *)(area->base + half * COUNTERS_STRIDE) + i;
}

static void area_put(struct fdnet_area *area)
{
	struct fdnet_buf *part;

	if (--area->users)
		return;
	if (area->is_mapped)
		munmap(area->base, FDNET_AREA_SIZE);
	while ((part = area->parts)) {
		area->parts = part->next;
		fdnet_mem_free(area->mem, part, sizeof(*part));
	}
	fdnet_mem_free(area->mem, area, sizeof(*area));
}

/* ---- our blocks ---- */

static void push_ready(struct fdnet_area *area, struct fdnet_buf *buf)
{
	buf->next = area->ready;
	area->ready = buf;
}

static void push_read(struct fdnet_area *area, struct fdnet_buf *buf)
{
	buf->next = NULL;
	if (area->read_last)
		area->read_last->next = buf;
	else
		area->read = buf;
	area->read_last = buf;
}

static struct fdnet_buf *pop_read(struct fdnet_area *area)
{
	struct fdnet_buf *buf = area->read;

	area->read = buf->next;
	if (!area->read)
		area->read_last = NULL;
	return buf;
}

static bool is_back(const struct fdnet_area *area, const struct fdnet_buf *buf)
{
	const struct block *block = (const struct block *)buf;
	unsigned int i = (unsigned int)(block - area->blocks);

	return __atomic_load_n(counter(area, area->half, i), __ATOMIC_ACQUIRE) ==
	       block->sent;
}

static void block_release(struct fdnet_buf *buf)
{
	struct fdnet_area *area = buf->owner;

	if (area->is_mapped && is_back(area, buf))
		push_ready(area, buf);
	else
		push_read(area, buf);
	area_put(area);
}

/* Sorts blocks that the peer was reading. One that it keeps must not hide
 * those behind it, but they are looked through only when we need one. */
static void collect(struct fdnet_area *area)
{
	unsigned int i;

	while (area->read && is_back(area, area->read))
		push_ready(area, pop_read(area));
	for (i = 0; i < LOOK && area->read && !area->ready; i++) {
		struct fdnet_buf *buf = pop_read(area);

		if (is_back(area, buf))
			push_ready(area, buf);
		else
			push_read(area, buf);
	}
}

struct fdnet_buf *fdnet_area_take(struct fdnet_area *area)
{
	struct fdnet_buf *buf;

	if (!area->is_mapped)
		return NULL;
	collect(area);
	buf = area->ready;
	if (!buf)
		return NULL;
	/* the one that came back last is most likely in the caches */
	area->ready = buf->next;
	buf->next = NULL;
	buf->refs = 1;
	area->users++;
	return buf;
}

struct fdnet_buf *fdnet_area_pool_take(void *arg)
{
	struct fdnet_area_pool *both = arg;
	struct fdnet_buf *buf = NULL;

	if (both->area)
		buf = fdnet_area_take(both->area);
	return buf ? buf : fdnet_buf_new(both->pool);
}

unsigned int fdnet_area_refs(const struct fdnet_area *area,
			     const struct fdnet_pkt *pkt, uint32_t least,
			     struct fdnet_area_ref *ret_refs)
{
	unsigned int i;

	if (pkt->slices_len < least)
		return 0;
	for (i = 0; i < pkt->nslices; i++) {
		const struct fdnet_slice *slice = &pkt->slices[i];

		if (slice->buf->release != block_release ||
		    slice->buf->owner != area)
			return 0;
		ret_refs[i].offset = (uint32_t)(slice->data - area->base);
		ret_refs[i].len = slice->len;
	}
	return i;
}

static void ring_of(const struct fdnet_area *area, unsigned int half,
		    struct fdnet_ring *ring)
{
	fdnet_ring_init(ring, area->base + RING_STATES + half * FDNET_RING_STATE,
			area->base + FDNET_AREA_RINGS + half * FDNET_RING_SIZE);
}

void fdnet_area_rings(const struct fdnet_area *area, struct fdnet_ring *ret_tx,
		      struct fdnet_ring *ret_rx)
{
	ring_of(area, area->half, ret_tx);
	ring_of(area, !area->half, ret_rx);
}

void fdnet_area_sent(struct fdnet_area *area, const struct fdnet_area_ref *refs,
		     unsigned int n)
{
	uint32_t first = first_block(area->half);

	for (unsigned int i = 0; i < n; i++)
		area->blocks[(refs[i].offset - first) / FDNET_BUF_SIZE].sent++;
}

/* ---- the peer's ---- */

int64_t fdnet_area_check(const struct fdnet_area *area,
			 const struct fdnet_area_ref *refs, unsigned int n)
{
	uint32_t first = first_block(!area->half);
	int64_t sum = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint32_t at = refs[i].offset - first;

		if (refs[i].offset < first ||
		    at >= FDNET_AREA_BLOCKS * FDNET_BUF_SIZE || !refs[i].len ||
		    refs[i].len > FDNET_BUF_SIZE - at % FDNET_BUF_SIZE)
			return -EINVAL;
		sum += refs[i].len;
	}
	return sum;
}

static void give_back(struct fdnet_area *area, uint32_t offset)
{
	uint32_t first = first_block(!area->half);

	__atomic_add_fetch(counter(area, !area->half,
				   (offset - first) / FDNET_BUF_SIZE),
			   1, __ATOMIC_RELEASE);
}

static void part_release(struct fdnet_buf *buf)
{
	struct fdnet_area *area = buf->owner;

	if (area->is_mapped)
		give_back(area, (uint32_t)(buf->data - area->base));
	if (area->nparts < PARTS_KEPT) {
		buf->next = area->parts;
		area->parts = buf;
		area->nparts++;
	} else {
		fdnet_mem_free(area->mem, buf, sizeof(*buf));
	}
	area_put(area);
}

static struct fdnet_buf *part_new(struct fdnet_area *area,
				  const struct fdnet_area_ref *ref)
{
	struct fdnet_buf *buf = area->parts;

	if (buf) {
		area->parts = buf->next;
		area->nparts--;
	} else {
		buf = fdnet_mem_alloc(area->mem, sizeof(*buf));
		if (!buf)
			return NULL;
	}
	*buf = (struct fdnet_buf){
		.data = area->base + ref->offset,
		.size = ref->len,
		.refs = 1,
		.release = part_release,
		.owner = area,
	};
	area->users++;
	return buf;
}

int fdnet_area_attach(struct fdnet_area *area, const struct fdnet_area_ref *refs,
		      unsigned int n, struct fdnet_pkt *pkt)
{
	for (unsigned int i = 0; i < n; i++) {
		struct fdnet_buf *buf = part_new(area, &refs[i]);

		if (!buf) {
			fdnet_pkt_trim(pkt, pkt->len);
			for (; i < n; i++)
				give_back(area, refs[i].offset);
			return -ENOMEM;
		}
		/* the packet takes our reference */
		pkt->slices[pkt->nslices++] = (struct fdnet_slice){
			.buf = buf,
			.data = buf->data,
			.len = refs[i].len,
		};
		pkt->slices_len += refs[i].len;
	}
	return 0;
}

/* ---- life ---- */

static int area_new(const struct fdnet_mem *mem, int fd, unsigned int half,
		    struct fdnet_area **ret_area)
{
	struct fdnet_area *area = fdnet_mem_alloc(mem, sizeof(*area));
	uint32_t first = first_block(half);

	if (!area)
		return -ENOMEM;
	area->base = mmap(NULL, FDNET_AREA_SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED, fd, 0);
	if (area->base == MAP_FAILED) {
		int rc = -errno;

		fdnet_mem_free(mem, area, sizeof(*area));
		return rc;
	}
	area->mem = mem;
	area->half = half;
	area->users = 1;
	area->is_mapped = true;
	for (uint32_t i = FDNET_AREA_BLOCKS; i-- > 0;) {
		struct fdnet_buf *buf = &area->blocks[i].buf;

		buf->data = area->base + first + i * FDNET_BUF_SIZE;
		buf->size = FDNET_BUF_SIZE;
		buf->release = block_release;
		buf->owner = area;
		push_ready(area, buf);
	}
	*ret_area = area;
	return 0;
}

int fdnet_area_create(const struct fdnet_mem *mem, struct fdnet_area **ret_area,
		      int *ret_fd)
{
	int rc, fd = memfd_create("fdnet-area", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, FDNET_AREA_SIZE) < 0 ||
	    fcntl(fd, F_ADD_SEALS, WANTED_SEALS) < 0)
		rc = -errno;
	else
		rc = area_new(mem, fd, 1, ret_area);
	if (rc)
		close(fd);
	else
		*ret_fd = fd;
	return rc;
}

static int check_fd(int fd)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & WANTED_SEALS) != WANTED_SEALS ||
	    fstat(fd, &st) < 0 || st.st_size != FDNET_AREA_SIZE)
		return -EINVAL;
	return 0;
}

bool fdnet_area_fits(void)
{
	void *base = mmap(NULL, FDNET_AREA_SIZE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return false;
	munmap(base, FDNET_AREA_SIZE);
	return true;
}

int fdnet_area_map(const struct fdnet_mem *mem, int fd,
		   struct fdnet_area **ret_area)
{
	int rc = check_fd(fd);

	return rc ? rc : area_new(mem, fd, 0, ret_area);
}

void fdnet_area_counts(const struct fdnet_area *area, uint32_t *ret_sent)
{
	for (unsigned int i = 0; i < FDNET_AREA_BLOCKS; i++)
		ret_sent[i] = area->blocks[i].sent;
}

int fdnet_area_adopt(const struct fdnet_mem *mem, int fd, const uint32_t *sent,
		     struct fdnet_area **ret_area)
{
	struct fdnet_area *area;
	int rc = check_fd(fd);

	if (!rc)
		rc = area_new(mem, fd, 1, &area);
	if (rc)
		return rc;
	area->ready = NULL;
	for (uint32_t i = FDNET_AREA_BLOCKS; i-- > 0;) {
		area->blocks[i].sent = sent[i];
		push_read(area, &area->blocks[i].buf);
	}
	*ret_area = area;
	return 0;
}

void fdnet_area_free(struct fdnet_area *area)
{
	if (area)
		area_put(area);
}

void fdnet_area_disown(struct fdnet_area *area)
{
	if (!area || !area->is_mapped)
		return;
	munmap(area->base, FDNET_AREA_SIZE);
	area->is_mapped = false;
}
