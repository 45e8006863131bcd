#include "job/choice.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "config/config.h"
#include "plan/failover.h"
#include "store/account.h"
#include "store/state.h"
#include "store/store.h"

bool job_choice_lacks_binding(const struct store *store, const struct config_certificate *certificate, const struct config_ca *ca)
{
	CLEANUP(store_account_cleanup) struct store_account *account = NULL;
	struct error ignored;

	if (!ca->eab_needed || ca->eab_kid)
		return false;
	error_clear(&ignored);
	return !store || store_account_open(store, ca->directory, certificate->settings.email, &account, &ignored) != STORE_OK ||
	       !store_account_url(account);
}

int job_choice_tell_binding(const struct config_ca *ca, struct error *err)
{
	error_set(err, ERROR_USAGE, "%s makes no account without external account binding (EAB), and eab-kid is not set for it", ca->name);
	return error_advise(err,
	                    "get a key id and an HMAC key from the CA, and write them into the configuration: ca \"%s\" { eab-kid = ID "
	                    "eab-hmac-file = FILE }; where it is the only CA, --eab-kid and --eab-hmac-file do",
	                    ca->name);
}

/* Why it is passed over; nothing where it had its turn in this run, which was told then. */
static void explain(const struct config_ca *ca, const struct plan_ca *facts, const struct store_state *state, struct buf *why)
{
	const struct store_state_ca *known = store_state_ca(state, ca->directory);
	const char *between = why->len > 0 ? "; " : "";
	char at[TIME_TEXT_SIZE];

	if (facts->unusable)
		(void)buf_printf(why, "%s%s makes no account without external account binding", between, ca->name);
	else if (!facts->tried && known)
		(void)buf_printf(why, "%s%s failed %llu time%s, last at %s: %s", between, ca->name, (unsigned long long)known->failures,
		                 known->failures == 1 ? "" : "s", time_format(known->failed_at, at), known->reason);
}

void job_choose_ca(const struct store *store, const struct config_certificate *certificate, const struct store_state *state,
                   const bool *tried, struct job_choice *ret)
{
	CLEANUP(buf_done) struct buf why = BUF(CONFIG_CAS_MAX * JOB_CHOICE_WHY_SIZE);
	const struct config_settings *settings = &certificate->settings;
	struct plan_ca facts[CONFIG_CAS_MAX] = { { .failures = 0 } };
	size_t chosen;

	for (size_t i = 0; i < settings->cas_count; i++) {
		const struct store_state_ca *known = store_state_ca(state, settings->cas[i]->directory);

		facts[i] = (struct plan_ca){
			.failures = known ? known->failures : 0,
			.unusable = job_choice_lacks_binding(store, certificate, settings->cas[i]),
			.tried = tried && tried[i],
		};
	}
	chosen = plan_ca_choose(facts, settings->cas_count);
	for (size_t i = 0; i < chosen; i++)
		explain(settings->cas[i], &facts[i], state, &why);
	ret->ca = chosen < settings->cas_count ? settings->cas[chosen] : NULL;
	text_copy(ret->why, sizeof(ret->why), buf_text(&why));
	text_clean(ret->why);
}
