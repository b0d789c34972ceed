/* For tests: runs Lua chunks in a policy's environment, in a VM of this process. */
#pragma once

#include "vm.h"

#include <stdbool.h>

/* A VM with the time zones of the tests (those that the machine has). NULL never. */
struct vm *rig_vm_create(void);
void rig_vm_free(struct vm **vm);

/* Runs a chunk. Besides what a policy has, it sees
 *      alert(json)         an alert object
 *      rows(file)          lua/testdata/<file>: a list of rows, each a list of fields (between tabs, with \t,
 * \n, \\ and \xNN); lines that start with "# " are passed over equal(got, want [, what]), fails(part of the
 * message, function, ...)   raise when it is not so text_of(value), show(text)     for messages False: the
 * chunk has raised, `vm->place` and `vm->message` say it. */
bool rig_run(struct vm *vm, const char *name, const char *source, size_t len);
/* The same with the file lua/testdata/<name>; a failure fails the cmocka test. */
void rig_run_file(const char *name);
