/* SPDX-License-Identifier: MIT */
#include "laggard/help.h"

#include <string.h>

static void add_command_names(struct text *script)
{
	const char *before = "";
	for (const struct command *command = command_next(NULL); command != NULL;
	     command = command_next(command)) {
		text_add_format(script, "%s%s", before, command->table->name);
		before = " ";
	}
}

static void add_link_names(struct text *script)
{
	for (const struct command *command = command_next(NULL); command != NULL;
	     command = command_next(command))
		if (command->link != NULL)
			text_add_format(script, " %s", command->link);
}

/* Arms of a case: a link means its command. */
static void add_link_arms(struct text *script)
{
	for (const struct command *command = command_next(NULL); command != NULL;
	     command = command_next(command))
		if (command->link != NULL)
			text_add_format(script, "\t%s) command=%s ;;\n", command->link,
					command->table->name);
}

static void add_option_words(struct text *script, const struct option_table *table)
{
	for (size_t i = 0; i < table->option_count; i++) {
		if (table->options[i].letter != 0)
			text_add_format(script, "-%c ", table->options[i].letter);
		text_add(script, "--");
		option_add_name(script, &table->options[i]);
		text_add_char(script, ' ');
	}
	text_add(script, "-h --help");
}

/* "'" inside single quotes of a shell, and ':' and brackets for zsh. */
static void add_quoted(struct text *script, const char *string, const char *escaped)
{
	for (; *string != 0; string++) {
		if (*string == '\'') {
			text_add(script, "'\\''");
		} else {
			if (strchr(escaped, *string) != NULL)
				text_add_char(script, '\\');
			text_add_char(script, *string);
		}
	}
}

/* One arm of bash's `case "$command $previous"`: what may follow an option. */
static void add_bash_option(struct text *script, const char *command, const struct option *option)
{
	if (option->kind == OPTION_FLAG)
		return;
	text_add_format(script, "\t'%s --", command);
	option_add_name(script, option);
	if (option->letter != 0)
		text_add_format(script, "' | '%s -%c", command, option->letter);
	text_add(script, "') ");
	switch (option->kind) {
	case OPTION_CHOICE:
		text_add(script, "COMPREPLY=($(compgen -W '");
		option_add_choices(script, option, ' ');
		text_add(script, "' -- \"$word\")) ;;\n");
		break;
	case OPTION_FILE:
		text_add(script, "_laggard_files ;;\n");
		break;
	case OPTION_FOLDER:
		text_add(script, "_laggard_folders ;;\n");
		break;
	case OPTION_FLAG:
	case OPTION_TEXT:
	case OPTION_INTEGER:
		text_add(script, "COMPREPLY=() ;;\n");
		break;
	}
}

static void add_bash_arguments(struct text *script, const struct option_table *table)
{
	text_add_format(script, "\t%s)\n\t\tcase $word in\n\t\t-*) COMPREPLY=($(compgen -W '",
			table->name);
	add_option_words(script, table);
	text_add(script, "' -- \"$word\")) ;;\n\t\t*) ");
	if (strcmp(table->name, "help") == 0) {
		text_add(script, "COMPREPLY=($(compgen -W '");
		add_command_names(script);
		text_add(script, "' -- \"$word\")) ;;\n");
	} else if (table->stops_at_argument) {
		text_add(script, "COMPREPLY=($(compgen -A command -- \"$word\")) ;;\n");
	} else {
		text_add(script, "_laggard_files ;;\n");
	}
	text_add(script, "\t\tesac ;;\n");
}

void completion_add_bash(struct text *script)
{
	text_add(script,
		"# bash completion for laggard. Made from the option tables; do not edit.\n"
		"_laggard_files()\n{\n\tcompopt -o filenames 2>/dev/null\n"
		"\tmapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n}\n"
		"_laggard_folders()\n{\n\tcompopt -o filenames 2>/dev/null\n"
		"\tmapfile -t COMPREPLY < <(compgen -d -- \"$word\")\n}\n"
		"_laggard()\n{\n"
		"\tlocal word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
		"\tlocal command i program=${COMP_WORDS[0]##*/}\n"
		"\tcase $program in\n");
	add_link_arms(script);
	text_add(script,
		"\t*)\n\t\tif ((COMP_CWORD == 1)); then\n\t\t\tCOMPREPLY=($(compgen -W '");
	add_command_names(script);
	text_add_char(script, ' ');
	add_option_words(script, &program_table);
	text_add(script,
		 "' -- \"$word\"))\n\t\t\treturn\n\t\tfi\n\t\tcommand=${COMP_WORDS[1]} ;;\n\tesac\n"
		 "\t# What follows the program that is run is that program's own.\n"
		 "\tif [[ $command == run ]] && declare -F _command_offset >/dev/null; then\n"
		 "\t\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
		 "\t\t\tif [[ ${COMP_WORDS[i]} == -- ]]; then\n"
		 "\t\t\t\t_command_offset $((i + 1))\n\t\t\t\treturn\n\t\t\tfi\n\t\tdone\n\tfi\n"
		 "\t# \"--name=value\" comes as three words.\n"
		 "\tif [[ $word == = ]]; then\n\t\tword=\n"
		 "\telif [[ $previous == = ]]; then\n\t\tprevious=${COMP_WORDS[COMP_CWORD - "
		 "2]}\n\tfi\n"
		 "\tcase \"$command $previous\" in\n");
	for (const struct command *command = command_next(NULL); command != NULL;
	     command = command_next(command))
		for (size_t i = 0; i < command->table->option_count; i++)
			add_bash_option(script, command->table->name, &command->table->options[i]);
	text_add(script, "\t*) _laggard_words ;;\n\tesac\n}\n"
			 "_laggard_words()\n{\n\tcase $command in\n");
	for (const struct command *command = command_next(NULL); command != NULL;
	     command = command_next(command))
		add_bash_arguments(script, command->table);
	text_add(script, "\tesac\n}\ncomplete -F _laggard laggard");
	add_link_names(script);
	text_add_char(script, '\n');
}

/* '(-o --output)'{-o+,--output=}'[text]:FILE:_files' */
static void add_zsh_option(struct text *script, const struct option *option)
{
	struct text name;
	text_begin(&name, script->length_max);
	option_add_name(&name, option);
	const char *joint = option->kind == OPTION_FLAG ? "" : "=";
	text_add(script, " \\\n\t\t");
	if (option->is_repeatable)
		text_add(script, "'*'");
	if (option->letter != 0)
		text_add_format(script, "{-%c%s,--%s%s}'[", option->letter,
				option->kind == OPTION_FLAG ? "" : "+", text_string(&name), joint);
	else
		text_add_format(script, "'--%s%s[", text_string(&name), joint);
	add_quoted(script, option->text, ":[]\\");
	text_add_char(script, ']');
	if (option->kind == OPTION_CHOICE) {
		text_add_format(script, ":%s:(", text_string(&name));
		option_add_choices(script, option, ' ');
		text_add_char(script, ')');
	} else if (option->kind != OPTION_FLAG) {
		text_add_format(script, ":%s:%s", option->value == NULL ? "value" : option->value,
				option->kind == OPTION_FILE ? "_files" :
				option->kind == OPTION_FOLDER ? "_files -/" : "");
	}
	text_add_char(script, '\'');
	text_end(&name);
}

static void add_zsh_command(struct text *script, const struct option_table *table)
{
	text_add_format(script, "\t%s)\n\t\t_arguments -s", table->name);
	for (size_t i = 0; i < table->option_count; i++)
		add_zsh_option(script, &table->options[i]);
	text_add(script, " \\\n\t\t{-h,--help}'[print help and end]'");
	if (strcmp(table->name, "help") == 0) {
		text_add(script, " \\\n\t\t':command:(");
		add_command_names(script);
		text_add(script, ")' ;;\n");
	} else if (table->stops_at_argument) {
		text_add(script, " \\\n\t\t'*::program:_normal' ;;\n");
	} else if (table->arguments != NULL) {
		text_add(script, " \\\n\t\t'*:trace:_files' ;;\n");
	} else {
		text_add(script, " ;;\n");
	}
}

void completion_add_zsh(struct text *script)
{
	text_add(script, "#compdef laggard");
	add_link_names(script);
	text_add(script,
		 "\n# zsh completion for laggard. Made from the option tables; do not edit.\n"
		 "_laggard()\n{\n\tlocal command\n\tlocal -a names\n\tnames=(\n");
	for (const struct command *command = command_next(NULL); command != NULL;
	     command = command_next(command)) {
		text_add_format(script, "\t\t'%s:", command->table->name);
		add_quoted(script, command->table->summary, ":\\");
		text_add(script, "'\n");
	}
	text_add(script, "\t)\n\tcase $service in\n");
	add_link_arms(script);
	text_add(script,
		"\t*)\n\t\tif ((CURRENT == 2)); then\n"
		"\t\t\t_describe command names\n"
		"\t\t\t_arguments '(-V --version)'{-V,--version}'[version and commit]' "
		"{-h,--help}'[print help and end]'\n"
		"\t\t\treturn\n\t\tfi\n"
		"\t\tcommand=$words[2]\n\t\tshift words\n\t\t((CURRENT--)) ;;\n\tesac\n"
		"\tcase $command in\n");
	for (const struct command *command = command_next(NULL); command != NULL;
	     command = command_next(command))
		add_zsh_command(script, command->table);
	text_add(script, "\tesac\n}\n_laggard \"$@\"\n");
}

static void add_fish_option(struct text *script, const char *condition, const struct option *option)
{
	text_add_format(script, "complete %s -l ", condition);
	option_add_name(script, option);
	if (option->letter != 0)
		text_add_format(script, " -s %c", option->letter);
	switch (option->kind) {
	case OPTION_CHOICE:
		text_add(script, " -x -a '");
		option_add_choices(script, option, ' ');
		text_add_char(script, '\'');
		break;
	case OPTION_FILE:
		text_add(script, " -r -F");
		break;
	case OPTION_FOLDER:
		text_add(script, " -x -a '(__fish_complete_directories)'");
		break;
	case OPTION_TEXT:
	case OPTION_INTEGER:
		text_add(script, " -x");
		break;
	case OPTION_FLAG:
		break;
	}
	text_add(script, " -d '");
	/* fish knows \' inside single quotes, not the way of the other shells. */
	for (const char *at = option->text; *at != 0; at++)
		text_add_format(script, *at == '\'' || *at == '\\' ? "\\%c" : "%c", *at);
	text_add(script, "'\n");
}

void completion_add_fish(struct text *script)
{
	struct text condition;
	text_begin(&condition, script->length_max);
	text_add(script,
		 "# fish completion for laggard. Made from the option tables; do not edit.\n"
		 "complete -c laggard -n __fish_use_subcommand -f\n");
	for (const struct command *command = command_next(NULL); command != NULL;
	     command = command_next(command))
	text_add_format(script, "complete -c laggard -n __fish_use_subcommand -a %s -d '%s'\n",
			command->table->name, command->table->summary);
	add_fish_option(script, "-c laggard -n __fish_use_subcommand",
			&program_table.options[PROGRAM_VERSION]);
	for (const struct command *command = command_next(NULL); command != NULL;
	     command = command_next(command)) {
		text_clear(&condition);
		text_add_format(&condition, "-c laggard -n '__fish_seen_subcommand_from %s'",
				command->table->name);
		for (size_t i = 0; i < command->table->option_count; i++)
			add_fish_option(script, text_string(&condition),
					&command->table->options[i]);
		if (command->link == NULL)
			continue;
		text_clear(&condition);
		text_add_format(&condition, "-c %s", command->link);
		for (size_t i = 0; i < command->table->option_count; i++)
			add_fish_option(script, text_string(&condition),
					&command->table->options[i]);
	}
	text_add(script, "complete -c laggard -s h -l help -d 'print help and end'\n");
	text_end(&condition);
}
