# What cart, catalog and orders have in common: how they answer, and how they speak to the store.
set -e -o pipefail
trap '[ $? = 0 ] || answer "500 Internal Server Error" "{\"error\": \"$0 failed\"}"' EXIT

answer() { # STATUS JSON: and nothing after it
  trap - EXIT
  printf 'Status: %s\r\nContent-Type: application/json\r\n\r\n%s\n' "$1" "$2"
  exit
}

refuse() { answer '400 Bad Request' "{\"error\": \"$1\"}"; }

name() { # WORD: that word, if it can be the name of a product or a customer
  case $1 in '' | *[!a-z-]*) return 1 ;; esac
  echo "$1"
}

field() { # NAME: its value in the form that was posted
  echo "$form" | tr '&' '\n' | sed -n "s/^$1=//p"
}

store() { # WORD…: one command to redis; prints the values of its reply, one a line
  local word reply
  reply=$(
    {
      printf '*%d\r\n' $#
      for word; do printf '$%d\r\n%s\r\n' ${#word} "$word"; done
    } | timeout 10 nc store 6379 | tr -d '\r'
  )
  case $reply in '' | -*) return 1 ;; esac
  echo "$reply" | sed -e '/^[*$]/d' -e 's/^[+:]//'
}

json() { # names and numbers in turns, one a line, as an object
  echo "{$(paste -d ' ' - - | sed 's/\(.*\) \(.*\)/"\1": \2/' | paste -s -d , | sed 's/,/, /g')}"
}

if [ "${REQUEST_METHOD:-}" = POST ]; then form=$(head -c "${CONTENT_LENGTH:-0}"); fi
