/* alarm.c: how loud the alarm is. */
#include "plan/alarm.h"

enum { LATE_SHARE = 6, URGENT_SHARE = 12, CRITICAL_SHARE = 30 };

const char *plan_alarm_name(enum plan_alarm alarm)
{
	switch (alarm) {
	case PLAN_ALARM_NONE:
		return "none";
	case PLAN_ALARM_FAILING:
		return "failing";
	case PLAN_ALARM_LATE:
		return "late";
	case PLAN_ALARM_URGENT:
		return "urgent";
	case PLAN_ALARM_CRITICAL:
		return "critical";
	case PLAN_ALARM_EXPIRED:
		return "expired";
	case PLAN_ALARM_COUNT:
		break;
	}
	return "unknown";
}

/* The times come from a certificate: any two numbers. */
static int64_t difference(int64_t a, int64_t b)
{
	int64_t result;

	if (__builtin_sub_overflow(a, b, &result))
		return a > b ? INT64_MAX : INT64_MIN;
	return result;
}

enum plan_alarm plan_alarm(const struct plan_alarm_facts *facts)
{
	const int64_t left_s = difference(facts->not_after_at, facts->now_at);
	const int64_t lifetime_s = difference(facts->not_after_at, facts->not_before_at);

	if (facts->have && left_s <= 0)
		return PLAN_ALARM_EXPIRED;
	if (facts->have && left_s < lifetime_s / CRITICAL_SHARE)
		return PLAN_ALARM_CRITICAL;
	if (facts->have && left_s < lifetime_s / URGENT_SHARE)
		return PLAN_ALARM_URGENT;
	if (facts->have && left_s < lifetime_s / LATE_SHARE)
		return PLAN_ALARM_LATE;
	return facts->failing ? PLAN_ALARM_FAILING : PLAN_ALARM_NONE;
}
