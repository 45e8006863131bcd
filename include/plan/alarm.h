/* alarm.h: how loud the alarm is about a certificate that should have been renewed: it rises with what is left of its lifetime. Pure. */
#ifndef CERTD_PLAN_ALARM_H
#define CERTD_PLAN_ALARM_H

#include <stdbool.h>
#include <stdint.h>

/* In this order: a higher one is told though a lower one was. */
enum plan_alarm {
	PLAN_ALARM_NONE,
	PLAN_ALARM_FAILING, /* an attempt failed; there is time enough */
	PLAN_ALARM_LATE, /* less than a sixth of the lifetime is left (15 days of 90): half of the time for renewals is over */
	PLAN_ALARM_URGENT, /* less than a twelfth (a week of 90 days) */
	PLAN_ALARM_CRITICAL, /* less than a thirtieth (3 days of 90) */
	PLAN_ALARM_EXPIRED,
	PLAN_ALARM_COUNT
};

/* "none", "failing", "late", "urgent", "critical", "expired". Static. */
const char *plan_alarm_name(enum plan_alarm alarm);

struct plan_alarm_facts {
	int64_t now_at;
	bool failing; /* the last attempt failed */
	bool have; /* there is a certificate in use; then its dates */
	int64_t not_before_at;
	int64_t not_after_at;
};

/* The dates alone can raise it to PLAN_ALARM_LATE and above: nobody tries any more, or nobody was told. */
enum plan_alarm plan_alarm(const struct plan_alarm_facts *facts);

#endif
