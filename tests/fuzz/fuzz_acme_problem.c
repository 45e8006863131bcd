/* fuzz_acme_problem.c: an answer that is no success. The first line is "STATUS RETRY-AFTER", the rest the body. What is made of it is a text
 * that can do nothing on a terminal, JSON that can be read again, and a time that is not far off. */
#include "acme/problem.h"

#include "base/clean.h"
#include "http/http.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_clean(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			abort();
}

static void check(const struct error *err, int64_t now_at)
{
	json_auto_t *doc = NULL;
	struct error parse;

	must_be_clean(err->message);
	must_be_clean(err->advice);
	must_be_clean(err->problem);
	if (err->kind == ERROR_NONE || err->message[0] == '\0')
		abort();
	if (err->problem[0] != '\0' && json_doc_parse(err->problem, strlen(err->problem), "it", &doc, &parse) != 0)
		abort();
	if (err->retry_at != 0 && (err->retry_at <= now_at || err->retry_at > now_at + 24 * 3600))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_response response;
	const uint8_t *newline = size > 0 ? memchr(data, '\n', size) : NULL;
	char line[160] = "";
	size_t head = newline != NULL ? (size_t)(newline - data) : size;
	json_auto_t *doc = NULL;
	struct error err;

	memset(&response, 0, sizeof(response));
	response.body = BUF(256 * 1024);
	snprintf(line, sizeof(line), "%.*s", (int)(head < 150 ? head : 150), (const char *)data);
	response.status = (int)(strtoul(line, NULL, 10) % 1000);
	if (strchr(line, ' ') != NULL)
		snprintf(response.retry_after, sizeof(response.retry_after), "%s", strchr(line, ' ') + 1);
	if (newline != NULL)
		(void)buf_append(&response.body, newline + 1, size - head - 1);
	acme_problem_from_response(&response, "newOrder at ca.example", 1795435200, NULL, &err);
	check(&err, 1795435200);
	if (json_doc_parse(buf_text(&response.body), response.body.len, "it", &doc, &err) == 0) {
		acme_problem_from_json(doc, "the order", NULL, &err);
		check(&err, 1795435200);
	}
	buf_done(&response.body);
	return 0;
}
