/* A QEMU plugin: counts the translation blocks that run between the calls of a function and their returns.
 *
 * Arguments: entry=, fault= (addresses, hexadecimal), skip= (calls not counted), all= (0 or 1), out= (file).
 * The file holds "calls N returns N", then "step ADDRESS INSTRUCTIONS TIMES" and "edge FROM TO TIMES" for
 * the counted calls, and "all ADDRESS INSTRUCTIONS TIMES" from reset to exit.
 *
 * A block is known by how many instructions it has, not by its bytes: QEMU adds what it peeks at behind a
 * block's end, before a page boundary, to the size of the last instruction.
 *
 * QEMU's qemu-plugin.h is declared here as far as it is used: Debian does not package it, and
 * these functions are the same in all versions of the interface (QEMU 4.2 to 10). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*callback)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*callback)(unsigned int, void *), int flags,
                                          void *data);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*callback)(plugin_id, void *), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

/* The interface's version, which the build sets from QEMU's. */
int qemu_plugin_version = ES_QEMU_PLUGIN_VERSION;

struct edge {
    const struct block *to;
    uint64_t times;
    struct edge *next;
};

struct block {
    uint64_t address;
    uint64_t instructions;
    uint64_t end; /* where a call in the last instruction returns to */
    uint64_t in_steps;
    uint64_t in_all;
    struct edge *edges;
    struct block *next;
};

enum { FAULTED = 3, BUCKETS = 4096 };

static struct block *buckets[BUCKETS];
static struct block *previous;
static uint64_t entry, fault, skip, calls, returns, return_address;
static int count_all, inside;
static const char *out;

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

/* One record per address and length, however often QEMU translates the block. */
static struct block *find_block(uint64_t address, uint64_t instructions, uint64_t end)
{
    struct block **bucket = &buckets[(address >> 1) % BUCKETS];
    for (struct block *block = *bucket; block != NULL; block = block->next) {
        if (block->address == address && block->instructions == instructions) {
            return block;
        }
    }
    struct block *block = allocate(sizeof(*block));
    block->address = address;
    block->instructions = instructions;
    block->end = end;
    block->next = *bucket;
    *bucket = block;
    return block;
}

static void count_edge(struct block *from, const struct block *to)
{
    struct edge *edge = from->edges;
    while (edge != NULL && edge->to != to) {
        edge = edge->next;
    }
    if (edge == NULL) {
        edge = allocate(sizeof(*edge));
        edge->to = to;
        edge->next = from->edges;
        from->edges = edge;
    }
    ++edge->times;
}

static void on_block(unsigned int cpu, void *data)
{
    struct block *block = data;
    (void)cpu;
    if (block->address == fault) {
        fprintf(stderr, "the image faulted\n");
        _Exit(FAULTED);
    }
    block->in_all += (uint64_t)count_all;
    if (inside && block->address == return_address) {
        inside = 0;
        ++returns;
    } else if (inside || block->address == entry) {
        if (!inside) {
            /* The call ended the previous block, so it returns to that block's end. */
            inside = 1;
            ++calls;
            return_address = previous == NULL ? 0 : previous->end;
        } else if (calls > skip) {
            count_edge(previous, block);
        }
        block->in_steps += calls > skip;
    }
    previous = block;
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *tb)
{
    size_t instructions = qemu_plugin_tb_n_insns(tb);
    const struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, instructions - 1);
    uint64_t end = qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last);
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, 0, find_block(qemu_plugin_tb_vaddr(tb), instructions, end));
}

static void on_exit(plugin_id id, void *data)
{
    FILE *file = fopen(out, "w");
    (void)id;
    (void)data;
    if (file == NULL) {
        return;
    }
    fprintf(file, "calls %llu returns %llu\n", (unsigned long long)calls, (unsigned long long)returns);
    for (size_t i = 0; i < BUCKETS; ++i) {
        for (const struct block *block = buckets[i]; block != NULL; block = block->next) {
            unsigned long long address = block->address, instructions = block->instructions;
            if (block->in_steps != 0) {
                fprintf(file, "step %llu %llu %llu\n", address, instructions, (unsigned long long)block->in_steps);
            }
            if (block->in_all != 0) {
                fprintf(file, "all %llu %llu %llu\n", address, instructions, (unsigned long long)block->in_all);
            }
            for (const struct edge *edge = block->edges; edge != NULL; edge = edge->next) {
                fprintf(file, "edge %llu %llu %llu\n", address, (unsigned long long)edge->to->address,
                        (unsigned long long)edge->times);
            }
        }
    }
    (void)fclose(file);
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; ++i) {
        const char *value = strchr(argv[i], '=');
        if (value == NULL) {
            return -1;
        }
        ++value;
        switch (argv[i][0]) {
        case 'e':
            entry = strtoull(value, NULL, 16);
            break;
        case 'f':
            fault = strtoull(value, NULL, 16);
            break;
        case 's':
            skip = strtoull(value, NULL, 10);
            break;
        case 'a':
            count_all = value[0] == '1';
            break;
        case 'o':
            out = value;
            break;
        default:
            return -1;
        }
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_exit, NULL);
    return out == NULL ? -1 : 0;
}
