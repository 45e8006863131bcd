/* test_job_metrics.c */
#include "job/metrics.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "config/config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

enum { TEXT_MAX = 64 * 1024 };

static const struct config_ca ca = { .name = "ca", .directory = "https://ca.example/dir" };
static const struct config_ca *const cas[] = { &ca };

static struct config_certificate certificate_called(const char *name)
{
	return (struct config_certificate){ .name = name,
		                            .settings = { .ca = &ca, .cas = cas, .cas_count = 1, .deploy = CONFIG_DEPLOY_NGINX } };
}

static void test_text(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF(TEXT_MAX);
	struct config_certificate a = certificate_called("a.example"), odd = certificate_called("o\"d\\d\nx");
	struct config_certificate *certificates[] = { &a, &odd };
	const struct config config = { .certificates = certificates, .certificates_count = 2 };
	struct error err;

	(void)state;
	assert_int_equal(job_metrics_print(&config, NULL, 1700000000, &out, &err), 0);
	assert_string_equal(buf_text(&out),
	                    "# HELP certd_build_info The version of certd.\n"
	                    "# TYPE certd_build_info gauge\n"
	                    "certd_build_info{version=\"" PACKAGE_VERSION "\"} 1\n"
	                    "# HELP certd_last_run_timestamp_seconds When certd last looked at all certificates.\n"
	                    "# TYPE certd_last_run_timestamp_seconds gauge\n"
	                    "certd_last_run_timestamp_seconds 1700000000\n"
	                    "# HELP certd_certificates Certificates that are managed.\n"
	                    "# TYPE certd_certificates gauge\n"
	                    "certd_certificates 2\n"
	                    "# HELP certd_renewals_due Certificates that wait to be obtained, renewed or deployed.\n"
	                    "# TYPE certd_renewals_due gauge\n"
	                    "certd_renewals_due 2\n"
	                    "# HELP certd_certificate_state 1 for the state that the certificate is in.\n"
	                    "# TYPE certd_certificate_state gauge\n"
	                    "certd_certificate_state{certificate=\"a.example\",state=\"missing\"} 1\n"
	                    "certd_certificate_state{certificate=\"o\\\"d\\\\d\\nx\",state=\"missing\"} 1\n"
	                    "# HELP certd_certificate_served Whether the newest certificate was seen to be served with every name.\n"
	                    "# TYPE certd_certificate_served gauge\n"
	                    "certd_certificate_served{certificate=\"a.example\"} 0\n"
	                    "certd_certificate_served{certificate=\"o\\\"d\\\\d\\nx\"} 0\n"
	                    "# HELP certd_certificate_failures Attempts that failed in a row.\n"
	                    "# TYPE certd_certificate_failures gauge\n"
	                    "certd_certificate_failures{certificate=\"a.example\"} 0\n"
	                    "certd_certificate_failures{certificate=\"o\\\"d\\\\d\\nx\"} 0\n"
	                    "# HELP certd_certificate_renewal_timestamp_seconds When it is, or was, due for renewal.\n"
	                    "# TYPE certd_certificate_renewal_timestamp_seconds gauge\n"
	                    "certd_certificate_renewal_timestamp_seconds{certificate=\"a.example\"} 1700000000\n"
	                    "certd_certificate_renewal_timestamp_seconds{certificate=\"o\\\"d\\\\d\\nx\"} 1700000000\n"
	                    "# HELP certd_certificate_alarm 0 none, 1 failing, 2 late, 3 urgent, 4 critical, 5 expired; at the time of the run.\n"
	                    "# TYPE certd_certificate_alarm gauge\n"
	                    "certd_certificate_alarm{certificate=\"a.example\"} 0\n"
	                    "certd_certificate_alarm{certificate=\"o\\\"d\\\\d\\nx\"} 0\n");
}

static void test_the_file(void **state)
{
	const struct scratch *scratch = *state;
	char path[sizeof(scratch->path) + sizeof("/state/certd.prom")];
	char state_dir[sizeof(scratch->path) + sizeof("/state")];
	struct config config = { .state_dir = state_dir };
	struct error err;
	struct stat st;

	(void)snprintf(state_dir, sizeof(state_dir), "%s/state", scratch->path);
	(void)snprintf(path, sizeof(path), "%s/certd.prom", scratch->path);
	assert_int_equal(job_metrics_write(&config, 1700000000, &err), 0);
	config.metrics_file = path;
	assert_int_equal(job_metrics_write(&config, 1700000000, &err), 0);
	assert_int_equal(job_metrics_write(&config, 1700000001, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);

	(void)snprintf(path, sizeof(path), "%s/no/certd.prom", scratch->path);
	error_clear(&err);
	assert_int_equal(job_metrics_write(&config, 1700000000, &err), -1);
	assert_non_null(strstr(err.message, "there is no folder"));
	(void)snprintf(path, sizeof(path), "%s/", scratch->path);
	assert_int_equal(job_metrics_write(&config, 1700000000, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test_setup_teardown(test_the_file, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
