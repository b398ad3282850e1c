#!/bin/sh
# What there is to buy, and its price in cents.
. /lib/service.sh

case "$REQUEST_METHOD $REQUEST_URI" in
  'GET /health/')
    [ "$(store GET schema)" = 1 ]
    answer '200 OK' '{"status": "ok"}'
    ;;
  'GET /products/')
    prices=$(store HGETALL prices | json)
    answer '200 OK' "$prices"
    ;;
esac
answer '404 Not Found' '{"error": "the catalog has no such page"}'
