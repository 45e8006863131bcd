#!/bin/sh
# Starts one test program: a fuzz target gets the files of its corpus, and $CERTD_TEST_TOOL goes before any of them.
# Usage: tests/run-one.sh PROGRAM [ARGUMENT...]
set -eu

program=$1
name=${program##*/}
case $name in
fuzz_*)
	corpus=${srcdir:-.}/tests/fuzz/corpus/${name#fuzz_}
	if [ ! -d "$corpus" ] || [ -z "$(ls -A "$corpus")" ]; then
		echo "$name has no corpus in $corpus: put at least one good input and one bad one there" >&2
		exit 1
	fi
	set -- "$@" "$corpus"/*
	;;
esac
# The tool is a command with its options: it must be split into words.
# shellcheck disable=SC2086
exec ${CERTD_TEST_TOOL:-} "$@"
