#include "cli/progress.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/program.h"
#include "base/random.h"

#include "job/clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { SHOW_SECONDS_FROM = 2, MS = 1000, COLUMNS_DEFAULT = 80, SINCE_SIZE = 32 };

static const char clear_line[] = "\r\033[K";

void cli_progress_init(struct cli_progress *progress, bool quiet)
{
	*progress = (struct cli_progress){ .quiet = quiet, .terminal = isatty(STDERR_FILENO) == 1 };
}

/* How many characters fit in a line. One that is broken by the terminal cannot be cleared again. */
static int columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return COLUMNS_DEFAULT;
	return size.ws_col;
}

static void show(const struct cli_progress *progress)
{
	int64_t seconds = (clock_monotonic_ms(clock_system()) - progress->since_ms) / MS;
	char since[SINCE_SIZE] = "";
	int room;

	if (seconds >= SHOW_SECONDS_FROM)
		snprintf(since, sizeof(since), " (%lld s)", (long long)seconds);
	room = columns() - 1 - (int)strlen(since);
	fprintf(stderr, "%s%.*s%s", clear_line, room > 0 ? room : 0, progress->text, since);
	fflush(stderr);
}

static void on_progress(void *self, const char *certificate, const char *step, const char *text)
{
	struct cli_progress *progress = self;

	if (progress->quiet)
		return;
	if (!progress->terminal) {
		log_notice("%s: %s: %s", certificate, step, text);
		return;
	}
	snprintf(progress->text, sizeof(progress->text), "%s: %s", certificate, text);
	progress->since_ms = clock_monotonic_ms(clock_system());
	show(progress);
}

static void on_tick(void *self)
{
	const struct cli_progress *progress = self;

	if (!progress->quiet && progress->terminal && progress->text[0] != '\0')
		show(progress);
}

void cli_progress_end(struct cli_progress *progress)
{
	if (progress->terminal && progress->text[0] != '\0') {
		fputs(clear_line, stderr);
		fflush(stderr);
	}
	progress->text[0] = '\0';
}

void cli_progress_job(struct cli_progress *progress, const struct config *config, struct job *ret)
{
	interrupt_hold();
	*ret = (struct job){
		.config = config,
		.clock = clock_system(),
		.random = random_system(),
		.runner = runner_system(),
		.built_at = job_clock_built_at(),
		.sandbox = true,
		.progress = on_progress,
		.tick = on_tick,
		.self = progress,
	};
}
