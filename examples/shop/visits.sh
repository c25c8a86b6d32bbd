#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The shop's page: a CGI program for busybox httpd that counts visits in redis.
reply=$(printf 'AUTH %s\r\nINCR visits\r\nQUIT\r\n' "$REDIS_PASSWORD" | nc -w 3 "$REDIS_HOST" 6379)
count=$(printf '%s' "$reply" | tr -d '\r' | sed -n 's/^://p')
if [ -z "$count" ]; then
	printf 'Status: 503 Service Unavailable\r\nContent-Type: text/plain\r\n\r\nthe shop has lost its count\n'
	exit
fi
printf 'Content-Type: text/plain\r\n\r\n%s\nYou are visitor %s, served by %s.\n' "$GREETING" "$count" "$(hostname)"
