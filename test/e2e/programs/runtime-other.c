/* The other half of runtime-selfcheck.c. */
int common_here[16];
int common_size(void) { return sizeof common_here; }
int overridden(void) { return 2; }
_Thread_local int other_tls = 77;
int *other_tls_address(void) { return &other_tls; }
