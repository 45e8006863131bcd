/* control.h: what can be asked of the daemon over the control socket: the interface io.certd of Varlink, see certd(8), CONTROL. */
#ifndef CERTD_DAEMON_CONTROL_H
#define CERTD_DAEMON_CONTROL_H

#include "daemon/server.h"

#define DAEMON_CONTROL_SOCKET "control" /* in runtime-dir */

struct daemon_control;
struct daemon_manager;

/* The interfaces in Varlink's own language. Static. */
extern const char daemon_control_interface[];
extern const char daemon_control_service[];

/* Listens from here on. The manager is borrowed. `limits` as daemon_server_open() has it. */
int daemon_control_open(struct sd_event *event, const struct daemon_manager *manager, const struct daemon_server_limits *limits,
                        struct daemon_control **ret, struct error *err);
void daemon_control_free(struct daemon_control *control);

#endif
