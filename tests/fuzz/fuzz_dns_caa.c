/* A CAA record as somebody's name server sends it, and a second one made of its value. */
#include "dns/ask.h"
#include "dns/caa.h"

#include "base/clean.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const issuers[] = { "ca.example", NULL };
	static const char *const methods[] = { "http-01", NULL };
	struct dns_caa records[2];
	char name[DNS_NAME_SIZE];

	dns_caa_parse(data, size, &records[0]);
	records[1] = (struct dns_caa){ .tag = "issue" };
	memcpy(records[1].value, records[0].value, sizeof(records[1].value));
	for (size_t i = 0; i < 2 * ARRAY_SIZE(methods); i++) {
		const struct dns_caa_query query = {
			.issuers = issuers, .account_url = i < 2 ? "https://ca.example/1" : NULL, .method = methods[i % 2], .wildcard = i < 2
		};
		struct dns_caa_answer answer;

		dns_caa_judge(records, 2, &query, &answer);
		/* With a record that is surely of this kind something is always said of why. */
		if (answer.verdict != DNS_CAA_UNRESTRICTED && answer.why[0] == '\0')
			abort();
		if (answer.verdict == DNS_CAA_PERMITTED && !strstr(records[0].value, ".") )
			abort();
		if (strlen(answer.why) >= sizeof(answer.why))
			abort();
	}
	if (dns_name_parse(data, size, name) && strlen(name) + 2 > DNS_NAME_SIZE + 1)
		abort();
	return 0;
}
