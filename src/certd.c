/* certd.c: main, and the table of commands. */
#include <stdio.h>
#include <string.h>

struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns the exit status */
	const char *help; /* one line */
};

enum { EXIT_USAGE = 2 };

static int command_help(int argc, char **argv);
static int command_version(int argc, char **argv);

static const struct command commands[] = {
	{ "help", command_help, "show this text" },
	{ "version", command_version, "show the version" },
};

static void print_usage(FILE *stream)
{
	fputs("Usage: certd [-c FILE] [-v|-q] COMMAND [ARGUMENTS]\n\nCommands:\n", stream);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(stream, "  %-14s %s\n", commands[i].name, commands[i].help);
}

static int command_help(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	print_usage(stdout);
	return 0;
}

static int command_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("%s %s\n", PACKAGE_NAME, PACKAGE_VERSION);
	return 0;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
		name = "version";
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	if (*name != '\0')
		fprintf(stderr, "certd: no such command: %s\n", name);
	print_usage(stderr);
	return EXIT_USAGE;
}
