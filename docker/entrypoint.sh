#!/bin/sh
# Starts parakeet in the container, as the user that was asked for, with a data folder that can be written and with a key.
# Started as root, it becomes PUID:PGID and runs itself again; started as anyone else, it stays who it is.
set -eu

data=${PARAKEET_DATA_DIR:-/data}
cache=${PARAKEET_CACHE_DIR:-$data/cache}
state=${PARAKEET_STATE_DIR:-$data/state}
spool=${PARAKEET_SPOOL:-$data/spool}
temporary=${TMPDIR:-$data/tmp}
key_file=$data/api-key

say() {
    printf '%s\n' "$*" >&2
}

stop() { # exit code, sentence
    code=$1
    shift
    say "$@"
    exit "$code"
}

is_yes() {
    case $1 in
        1 | [Tt] | [Tt][Rr][Uu][Ee] | [Yy] | [Yy][Ee][Ss] | [Oo][Nn]) return 0 ;;
    esac
    return 1
}

check_id() { # variable, value, command that prints it
    case $2 in
        *[!0-9]*) stop 2 "$1 is '$2', which is not a number: give what '$3' prints on the host." ;;
    esac
    if [ "${#2}" -gt 10 ] || [ "$2" -gt 4294967294 ]; then
        stop 2 "$1 is $2, which is above every id there can be: give what '$3' prints on the host."
    fi
    if [ "$2" -eq 0 ] && ! is_yes "${PARAKEET_ALLOW_ROOT:-}"; then
        stop 2 "$1 is 0, which is root: give an ordinary id, or set PARAKEET_ALLOW_ROOT=1 if root is what you want."
    fi
}

# Only what is ours by name, a folder and no link, and empty. What holds files keeps its owner.
own_if_empty() { # folder, uid, gid
    if [ ! -d "$1" ] || [ -L "$1" ] || [ -n "$(ls -A "$1")" ] || [ "$(stat -c %u:%g "$1")" = "$2:$3" ]; then
        return
    fi
    chown "$2:$3" "$1" || say "$1 is empty and cannot be given to $2:$3."
}

become_asked_user() {
    uid=${PUID:-1000}
    gid=${PGID:-1000}
    check_id PUID "$uid" 'id -u'
    check_id PGID "$gid" 'id -g'
    if [ "$uid" -eq 0 ]; then
        return
    fi
    for folder in "$data" "$cache" "$state" "$spool" "$temporary"; do
        own_if_empty "$folder" "$uid" "$gid"
    done
    setpriv --reuid "$uid" --regid "$gid" --clear-groups true ||
        stop 2 "Nobody can become $uid:$gid here: add the capabilities SETUID and SETGID, or start with --user $uid:$gid."
    exec setpriv --reuid "$uid" --regid "$gid" --clear-groups --inh-caps=-all --no-new-privs "$0" "$@"
}

note_other_user() {
    if [ -n "${PUID:-}" ] && [ "$PUID" != "$(id -u)" ]; then
        say "PUID=$PUID is not followed, because the container was started as user $(id -u):" \
            "start it with --user $PUID:${PGID:-$PUID}, or with --user 0 so that it can change."
    fi
}

check_folder() { # folder
    (umask 077 && mkdir -p "$1") 2>/dev/null || true
    if [ ! -d "$1" ] || [ ! -w "$1" ] || [ ! -x "$1" ]; then
        stop 7 "$1 cannot be written by $(id -u):$(id -g)$(owner "$1"): mount a volume on $data that this user may write," \
            "such as -v parakeet:$data, or start with the id of its owner (--user, or PUID and PGID)."
    fi
}

owner() { # folder
    if [ -d "$1" ]; then
        stat -c ' (it belongs to %u:%g, mode %a)' "$1"
    fi
}

has_key() { # arguments of serve
    if [ -n "${API_KEY:-}${PARAKEET_API_KEY:-}${PARAKEET_API_KEYS_FILE:-}" ] || is_yes "${PARAKEET_INSECURE_NO_AUTH:-}"; then
        return 0
    fi
    for argument; do
        case $argument in
            --api-key | --api-key=* | --api-keys-file | --api-keys-file=* | --insecure-no-auth) return 0 ;;
        esac
    done
    return 1
}

# The image listens on every address, so there is always a key.
use_own_key() {
    if [ -s "$key_file" ]; then
        [ -r "$key_file" ] || stop 7 "$key_file cannot be read by $(id -u):$(id -g): give API_KEY, or remove the file."
        say "No API_KEY was given: the one in $key_file holds."
    else
        make_key
        say "No API_KEY was given, so one was made and kept in $key_file: $(cat "$key_file")"
    fi
    export PARAKEET_API_KEYS_FILE="$key_file"
}

make_key() {
    fresh=$key_file.$$
    (
        umask 077
        od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$fresh"
    )
    # A link, so that of two containers that start on one volume both keep the same key.
    ln "$fresh" "$key_file" 2>/dev/null || [ -s "$key_file" ] || mv -f "$fresh" "$key_file"
    rm -f "$fresh"
}

if [ "$(id -u)" -eq 0 ]; then
    become_asked_user "$@"
else
    note_other_user
fi

for folder in "$data" "$cache" "$state" "$spool" "$temporary"; do
    check_folder "$folder"
done

if [ $# -eq 0 ]; then
    set -- serve
elif [ "$1" = parakeet ]; then
    shift
fi
if [ "${1:-}" = serve ] && ! has_key "$@"; then
    use_own_key
fi
# As process 1 it needs an init above it, and one of its own user: tini that stayed root could not pass signals on to
# another user without the capability KILL. Under docker run --init there is one already.
if [ $$ -eq 1 ]; then
    exec tini -- parakeet "$@"
fi
exec parakeet "$@"
