#!/bin/sh
# Who wants to buy how many of what.
. /lib/service.sh

customer_in_path() {
  local path=${REQUEST_URI#/carts/}
  name "${path%%/*}"
}

show() { # CUSTOMER
  local content
  content=$(store HGETALL "cart:$1" | json)
  answer '200 OK' "$content"
}

case "$REQUEST_METHOD $REQUEST_URI" in
  'GET /health/')
    store PING >/dev/null
    answer '200 OK' '{"status": "ok"}'
    ;;
  'GET /carts/'*)
    customer=$(customer_in_path) || refuse 'no customer has such a name'
    show "$customer"
    ;;
  'POST /carts/'*'/emptied/')
    customer=$(customer_in_path) || refuse 'no customer has such a name'
    store DEL "cart:$customer" >/dev/null
    answer '200 OK' '{}'
    ;;
  'POST /carts/'*)
    customer=$(customer_in_path) || refuse 'no customer has such a name'
    product=$(name "$(field product)") || refuse 'no product has such a name'
    store HINCRBY "cart:$customer" "$product" "$(field quantity)" >/dev/null || refuse 'quantity is no number'
    show "$customer"
    ;;
esac
answer '404 Not Found' '{"error": "the cart has no such page"}'
