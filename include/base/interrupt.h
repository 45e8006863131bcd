/* interrupt.h: being asked to stop (SIGINT, SIGTERM, SIGHUP), heard at places of the program's own choosing.
 *
 * The signals are held back by the process's signal mask and looked for in the kernel's set of pending ones: there is no handler and no
 * state of ours. Whoever waits, waits in pieces of a second at most and looks. One that was ignored from the start (nohup) stays ignored.
 */
#ifndef CERTD_BASE_INTERRUPT_H
#define CERTD_BASE_INTERRUPT_H

#include <stdbool.h>

struct error;

/* From here on the signals do not end the process. Children inherit that, until they set a mask of their own. */
void interrupt_hold(void);

/* Whether they are held. */
bool interrupt_held(void);

/* The signal that asked to stop; 0 for none, and always 0 when they are not held. */
int interrupt_pending(void);

/* 0, or -1 with an ERROR_INTERRUPTED that names the signal. */
int interrupt_check(struct error *err);

#endif
