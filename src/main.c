/* SPDX-License-Identifier: Apache-2.0 */
/* main - the program's name for each role. */
int main(void)
{
	return 0;
}
