#!/bin/sh
# The shop's only door: hands each request to the service that routes.conf names for the beginning of its path.

answer() { # STATUS JSON: and nothing after it
  printf 'Status: %s\r\nContent-Type: application/json\r\n\r\n%s\n' "$1" "$2"
  exit
}

routed() { # prints the service for this path
  local path service
  while read -r path service; do
    case $REQUEST_URI in "$path"*) echo "$service" ;; esac
  done </etc/routes.conf
}

ask() { # SERVICE [FORM]: hands the request on; prints the whole reply, its status line first
  printf '%s %s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s' "$REQUEST_METHOD" "$REQUEST_URI" ${#2} "$2" |
    timeout 10 nc "$1" 8080
}

# Well is the gateway when each service behind it is.
if [ "$REQUEST_URI" = /health/ ]; then
  while read -r path service; do
    # Not `wget -T`: that of Debian's static busybox crashes where there are names to look up.
    timeout 10 wget -q -Y off -O /dev/null "http://$service:8080/health/" ||
      answer '503 Service Unavailable' "{\"error\": \"$service is not healthy\"}"
  done </etc/routes.conf
  answer '200 OK' '{"status": "ok"}'
fi

service=$(routed)
[ -n "$service" ] || answer '404 Not Found' '{"error": "the shop has no such page"}'
reply=$(ask "$service" "$(head -c "${CONTENT_LENGTH:-0}")")
case $reply in
  HTTP/*) echo "$reply" | sed '1s/^[^ ]*/Status:/' ;;
  *) answer '502 Bad Gateway' "{\"error\": \"$service does not answer\"}" ;;
esac
