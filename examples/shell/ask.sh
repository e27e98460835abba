#!/bin/sh
# Ask a model through `rln connect`, with nothing but curl: ask.sh MODEL QUESTION
#
# OPENAI_BASE_URL and OPENAI_API_KEY are those that `rln connect` prints. The answer (JSON) goes to standard
# output. Exit status: 0 answered, 1 refused, 2 wrong usage, 75 no units left until the time that standard
# error names.
set -eu

if [ $# -ne 2 ]; then
    echo "usage: ask.sh MODEL QUESTION" >&2
    exit 2
fi
: "${OPENAI_BASE_URL:?copy the lines that rln connect prints}"
: "${OPENAI_API_KEY:?copy the lines that rln connect prints}"

# JSON text of an argument, without a program for JSON: one line, and no control characters.
quoted() {
    printf '%s' "$1" | tr '\n\t' '  ' | tr -d '\000-\037' | sed 's/\\/\\\\/g; s/"/\\"/g'
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The token goes to curl in a file that others cannot read: arguments are visible to every user.
(umask 077 && printf 'header = "Authorization: Bearer %s"\n' "$OPENAI_API_KEY" >"$folder/curlrc")
printf '{"model":"%s","messages":[{"role":"user","content":"%s"}]}' "$(quoted "$1")" "$(quoted "$2")" \
    >"$folder/body"

status=$(curl --silent --show-error --noproxy '*' --config "$folder/curlrc" \
    --header 'Content-Type: application/json' --data-binary "@$folder/body" \
    --output "$folder/answer" --write-out '%{http_code}' "$OPENAI_BASE_URL/chat/completions")

case $status in
200) cat "$folder/answer" && echo ;;
429) cat "$folder/answer" >&2 && echo >&2 && exit 75 ;;
*) cat "$folder/answer" >&2 && echo >&2 && exit 1 ;;
esac
