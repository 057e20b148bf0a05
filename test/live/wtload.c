/* wtload.c - WiredTiger under load: four writers in a cache too small for the data, so that eviction,
 * checkpoints, the log and fsync all run. Threads are named "wtwork0" ..; the store's own keep the
 * program's name. Usage: wtload FOLDER [SECONDS]     Build: gcc -O2 -g wtload.c -lwiredtiger -lpthread
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <wiredtiger.h>

#define WRITERS 4
#define KEYS	200000

static WT_CONNECTION *store;
static volatile int stop;
static long done[WRITERS];

static void wt_check(int rc, const char *what)
{
	if (!rc)
		return;
	fprintf(stderr, "%s: %s\n", what, wiredtiger_strerror(rc));
	exit(1);
}

/* One transaction of four reads or writes; 0 when it had to be rolled back. */
static int wt_transaction(WT_SESSION *session, WT_CURSOR *cursor, unsigned int *seed, const char *value)
{
	char key[32];
	int rc = 0;

	wt_check(session->begin_transaction(session, NULL), "begin");
	for (int i = 0; i < 4 && !rc; i++) {
		snprintf(key, sizeof(key), "key%09u", (unsigned int)rand_r(seed) % KEYS);
		cursor->set_key(cursor, key);
		if (rand_r(seed) & 1) {
			cursor->set_value(cursor, value);
			rc = cursor->insert(cursor);
		} else {
			rc = cursor->search(cursor);
			rc = rc == WT_NOTFOUND ? 0 : rc;
		}
	}
	if (rc == WT_ROLLBACK) {
		wt_check(session->rollback_transaction(session, NULL), "rollback");
		return 0;
	}
	wt_check(rc, "operation");
	wt_check(session->commit_transaction(session, NULL), "commit");
	return 1;
}

static void *wt_writer(void *arg)
{
	long id = (long)arg;
	unsigned int seed = (unsigned int)id * 7919 + 1;
	char name[16], value[400];
	WT_SESSION *session;
	WT_CURSOR *cursor;

	snprintf(name, sizeof(name), "wtwork%ld", id);
	prctl(PR_SET_NAME, name);
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = 0;
	wt_check(store->open_session(store, NULL, "isolation=snapshot", &session), "session");
	wt_check(session->open_cursor(session, "table:t", NULL, NULL, &cursor), "cursor");
	while (!stop) {
		done[id] += wt_transaction(session, cursor, &seed, value);
		cursor->reset(cursor);
	}
	session->close(session, NULL);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t writers[WRITERS];
	WT_SESSION *session;
	long total = 0;

	if (argc < 2)
		return 2;
	wt_check(wiredtiger_open(argv[1], NULL,
				 "create,cache_size=32MB,eviction=(threads_min=1,threads_max=4),"
				 "checkpoint=(wait=2),log=(enabled),"
				 "transaction_sync=(enabled=true,method=fsync)",
				 &store),
		 "open");
	wt_check(store->open_session(store, NULL, NULL, &session), "session");
	wt_check(session->create(session, "table:t", "key_format=S,value_format=S,leaf_page_max=16KB"),
		 "create");
	for (long i = 0; i < WRITERS; i++)
		pthread_create(&writers[i], NULL, wt_writer, (void *)i);
	sleep(argc > 2 ? (unsigned int)atoi(argv[2]) : 5);
	stop = 1;
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(writers[i], NULL);
		total += done[i];
	}
	printf("transactions %ld\n", total);
	wt_check(store->close(store, NULL), "close");
	return 0;
}
