/* SPDX-License-Identifier: Apache-2.0 */
/* answer PORT TEXT: answers every datagram with the text, over IPv4 and IPv6. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct sockaddr_storage from;
	socklen_t len;
	char byte;
	int off = 0, fd, rc;

	if (argc != 3)
		return 2;
	six.sin6_port = four.sin_port = htons((uint16_t)atoi(argv[1]));
	if ((fd = socket(AF_INET6, SOCK_DGRAM, 0)) >= 0) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
		rc = bind(fd, (struct sockaddr *)&six, sizeof(six));
	} else {
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		rc = bind(fd, (struct sockaddr *)&four, sizeof(four));
	}
	if (rc) {
		perror("answer");
		return 1;
	}
	for (;;) {
		len = sizeof(from);
		if (recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&from, &len) >= 0)
			sendto(fd, argv[2], strlen(argv[2]), 0, (struct sockaddr *)&from, len);
	}
}
