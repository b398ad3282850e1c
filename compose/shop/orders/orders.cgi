#!/bin/sh
# Turns a cart into an order: asks the cart what is in it, and the catalog what that costs.
. /lib/service.sh

ask() { # SERVICE PATH [FORM]: prints what it answers; fails when it refuses
  # Not `wget -T`: that of Debian's static busybox crashes where there are names to look up.
  timeout 10 wget -q -Y off -O - ${3+--post-data "$3"} "http://$1:8080$2"
}

lines() { tr -d '{}" ' | tr ',' '\n'; } # {"tea": 450, "cup": 1250} as tea:450 and cup:1250

check_out() { # CUSTOMER
  local prices items item product quantity price total=0 number
  prices=$(ask catalog /products/ | lines)
  items=$(ask cart "/carts/$1/" | lines)
  for item in $items; do
    product=${item%:*}
    quantity=${item#*:}
    price=$(echo "$prices" | sed -n "s/^$product://p")
    [ -n "$price" ] || refuse "the catalog sells no $product"
    total=$((total + price * quantity))
  done
  [ "$total" -gt 0 ] || refuse 'the cart is empty'
  number=$(store INCR orders)
  store HSET "order:$number" total "$total" >/dev/null
  ask cart "/carts/$1/emptied/" '' >/dev/null
  answer '200 OK' "{\"order\": $number, \"total\": $total}"
}

case "$REQUEST_METHOD $REQUEST_URI" in
  'GET /health/')
    store PING >/dev/null
    ask cart /health/ >/dev/null
    ask catalog /health/ >/dev/null
    answer '200 OK' '{"status": "ok"}'
    ;;
  'POST /orders/')
    customer=$(name "$(field customer)") || refuse 'no customer has such a name'
    check_out "$customer"
    ;;
  'GET /orders/'*)
    number=$(basename "$REQUEST_URI")
    total=$(store HGET "order:$number" total)
    if [ -n "$total" ]; then answer '200 OK' "{\"order\": $number, \"total\": $total}"; fi
    ;;
esac
answer '404 Not Found' '{"error": "there is no such order"}'
