/* A QEMU plugin: instructions executed by each call of one function, counted exactly.
 *
 * Arguments: entry=ADDRESS of the function, out=FILE. The file gets one line "step N" per call, from
 * the function's first instruction to its return, callees included, and "total N" for the whole run.
 * What QEMU offers a plugin is declared here, since few systems package its header. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*callback)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*callback)(qemu_plugin_id_t, void *), void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*callback)(unsigned, void *),
                                            int flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

/* The interface's version, which the build sets from QEMU's. */
EXPORT int qemu_plugin_version = ES_QEMU_PLUGIN_VERSION;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);

struct site {
    uint64_t address;
    uint64_t end;
};

static FILE *out;
static uint64_t entry;
static uint64_t return_address;
static uint64_t total;
static uint64_t at_entry;
static struct site previous;
static int inside;

static void on_instruction(unsigned cpu, void *data)
{
    const struct site *site = data;
    (void)cpu;
    /* QEMU executes an x86 "rep" once per element, a processor retires it once. No loop of other
     * instructions is a single instruction long. */
    if (site->address == previous.address) {
        return;
    }
    if (!inside && site->address == entry) {
        /* The instruction before was the call, so the return goes behind it. */
        inside = 1;
        return_address = previous.end;
        at_entry = total;
    } else if (inside && site->address == return_address) {
        inside = 0;
        fprintf(out, "step %" PRIu64 "\n", total - at_entry);
    }
    ++total;
    previous = *site;
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    const size_t count = qemu_plugin_tb_n_insns(tb);
    (void)id;
    /* Lives as long as the translated code, which is until the end. */
    struct site *sites = calloc(count, sizeof(*sites));
    if (sites == NULL) {
        abort();
    }
    for (size_t i = 0; i < count; ++i) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        sites[i].address = qemu_plugin_insn_vaddr(insn);
        sites[i].end = sites[i].address + qemu_plugin_insn_size(insn);
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_instruction, 0, &sites[i]);
    }
}

static void on_exit(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    fprintf(out, "total %" PRIu64 "\n", total);
    fclose(out);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; ++i) {
        if (strncmp(argv[i], "entry=", 6) == 0) {
            entry = strtoull(argv[i] + 6, NULL, 0);
        } else if (strncmp(argv[i], "out=", 4) == 0) {
            out = fopen(argv[i] + 4, "w");
        }
    }
    if (out == NULL) {
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_exit, NULL);
    return 0;
}
