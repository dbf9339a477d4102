/* Something to call in another object. */
static const unsigned long start[] = {0};

unsigned long checksum(const char *text) {
  unsigned long sum = start[0];
  for (; *text; text++) sum += (unsigned char)*text;
  return sum;
}
