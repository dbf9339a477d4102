/* A SQLite database in memory and on disk, driven through tables, transactions, joins, windows, JSON, full-text search,
 * triggers, savepoints and an integrity check. Every row of every query is folded into one printed digest. The only
 * argument is the path of a database file to create. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>

static uint64_t digest = 1469598103934665603u;
static char last[256];

static void fold(const char *text) {
  for (; *text; text++) digest = (digest ^ (unsigned char)*text) * 1099511628211u;
  digest = (digest ^ 0xff) * 1099511628211u;
}

static int row(void *unused, int columns, char **values, char **names) {
  (void)unused;
  for (int i = 0; i < columns; i++) {
    fold(names[i]);
    fold(values[i] ? values[i] : "NULL");
    if (i == 0) snprintf(last, sizeof last, "%s", values[i] ? values[i] : "NULL");
  }
  return 0;
}

static void sql(sqlite3 *db, const char *text) {
  char *message = NULL;
  last[0] = 0;
  if (sqlite3_exec(db, text, row, NULL, &message) != SQLITE_OK) {
    fprintf(stderr, "%s\n  in: %s\n", message, text);
    exit(1);
  }
}

static void expect(sqlite3 *db, const char *text, const char *want) {
  sql(db, text);
  if (strcmp(last, want) != 0) {
    fprintf(stderr, "got %s, want %s\n  in: %s\n", last, want, text);
    exit(1);
  }
}

static void twice(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  sqlite3_result_int64(context, 2 * sqlite3_value_int64(values[0]));
}

static void exercise(const char *path) {
  sqlite3 *db;
  if (sqlite3_open(path, &db) != SQLITE_OK) {
    fprintf(stderr, "%s: %s\n", path, sqlite3_errmsg(db));
    exit(1);
  }
  sql(db, "PRAGMA journal_mode=WAL");
  sql(db, "CREATE TABLE city(id INTEGER PRIMARY KEY, name TEXT UNIQUE, people INT CHECK(people>=0))");
  sql(db, "CREATE TABLE road(a INT REFERENCES city, b INT REFERENCES city, km REAL)");
  sql(db, "CREATE INDEX road_a ON road(a, km DESC)");
  sql(db, "CREATE TABLE log(what TEXT)");
  sql(db, "CREATE TRIGGER t AFTER UPDATE ON city BEGIN INSERT INTO log VALUES(old.name||'>'||new.name); END");
  sql(db, "BEGIN");
  sqlite3_stmt *insert;
  if (sqlite3_prepare_v2(db, "INSERT INTO city(name, people) VALUES(?, ?)", -1, &insert, NULL) != SQLITE_OK) exit(1);
  uint32_t seed = 1;
  for (int i = 0; i < 2000; i++) {
    char name[32];
    seed = seed * 1664525u + 1013904223u;
    snprintf(name, sizeof name, "city-%d", i);
    sqlite3_bind_text(insert, 1, name, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int(insert, 2, (int)(seed >> 8));
    if (sqlite3_step(insert) != SQLITE_DONE) exit(1);
    sqlite3_reset(insert);
  }
  sqlite3_finalize(insert);
  sql(db, "INSERT INTO road SELECT a.id, a.id % 1999 + 1, a.people % 997 / 7.0 FROM city a");
  sql(db, "COMMIT");
  expect(db, "SELECT count(*) FROM city", "2000");
  sql(db, "BEGIN; UPDATE city SET name='gone' WHERE id=7; ROLLBACK");
  expect(db, "SELECT name FROM city WHERE id=7", "city-6");
  sql(db, "SAVEPOINT s; DELETE FROM city WHERE id>10; ROLLBACK TO s; RELEASE s");
  sql(db, "UPDATE city SET name='renamed' WHERE id=8");
  expect(db, "SELECT what FROM log", "city-7>renamed");
  if (sqlite3_exec(db, "INSERT INTO city(name, people) VALUES('renamed', 1)", 0, 0, 0) != SQLITE_CONSTRAINT) exit(1);
  sql(db, "SELECT c.name, round(sum(r.km), 3) FROM city c JOIN road r ON r.a=c.id GROUP BY c.id ORDER BY 2 DESC LIMIT 20");
  sql(db, "SELECT id, rank() OVER (ORDER BY people % 100), avg(people) OVER (ROWS 3 PRECEDING) FROM city LIMIT 50");
  expect(db, "WITH RECURSIVE f(n,a,b) AS (SELECT 1,0,1 UNION ALL SELECT n+1,b,a+b FROM f WHERE n<60) SELECT max(b) FROM f",
         "1548008755920");
  sqlite3_create_function(db, "twice", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, twice, NULL, NULL);
  expect(db, "SELECT twice(21)", "42");
  expect(db, "SELECT json_extract('{\"a\":[1,2,{\"b\":\"deep\"}]}', '$.a[2].b')", "deep");
  expect(db, "SELECT sum(value) FROM json_each('[1,2,3,4]')", "10");
  expect(db, "SELECT printf('%.10g', 1/3.0)", "0.3333333333");
  expect(db, "SELECT hex(zeroblob(4)) || lower('ABC') || strftime('%Y', '2001-09-09')", "00000000abc2001");
  sql(db, "CREATE VIRTUAL TABLE text5 USING fts5(body)");
  sql(db, "INSERT INTO text5 VALUES('the quick brown fox'),('jumps over the lazy dog'),('a fox again, quick')");
  expect(db, "SELECT count(*) FROM text5 WHERE text5 MATCH 'fox AND quick'", "2");
  sql(db, "CREATE VIRTUAL TABLE box USING rtree(id, x0, x1)");
  sql(db, "INSERT INTO box VALUES(1, 0, 10),(2, 5, 15),(3, 20, 30)");
  expect(db, "SELECT count(*) FROM box WHERE x1>=4 AND x0<=12", "2");
  sql(db, "DELETE FROM city WHERE id % 3 = 0");
  sql(db, "PRAGMA wal_checkpoint(TRUNCATE)");
  sql(db, "VACUUM");
  expect(db, "SELECT sum(id) FROM city", "1334667");
  expect(db, "PRAGMA integrity_check", "ok");
  if (sqlite3_close(db) != SQLITE_OK) exit(1);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  exercise(argv[1]);
  exercise(":memory:");
  printf("sqlite %016" PRIx64 "\n", digest);
  return 0;
}
