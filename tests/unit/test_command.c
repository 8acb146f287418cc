/* SPDX-License-Identifier: Apache-2.0 */
/* The command-line rule: what interpreters execute, by their command lines. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/process/process_command.h"

struct line {
	const char *executable;
	const char *arguments; /* with a space between; none has one inside */
	const char *name;      /* NULL: the interpreter keeps its own */
	const char *folder;
};

static bool find(const struct line *line, char name[NAME_LEN])
{
	size_t size = strlen(line->arguments) + 1;
	char *arguments = strdup(line->arguments);
	bool found;

	for (size_t i = 0; i < size; i++)
		if (arguments[i] == ' ')
			arguments[i] = '\0';
	found = process_command_find(
		line->executable, arguments, size, line->folder ? line->folder : "", name);
	free(arguments);
	return found;
}

static void assert_lines(const struct line *lines, size_t count)
{
	char name[NAME_LEN];

	for (size_t i = 0; i < count; i++) {
		bool found = find(&lines[i], name);

		if (found != (lines[i].name != NULL) || strcmp(name, found ? lines[i].name : ""))
			fail_msg("%s: \"%s\", should be \"%s\"", lines[i].arguments, name,
				lines[i].name ? lines[i].name : "");
	}
}

#define ASSERT_LINES(...)                                                                          \
	do {                                                                                       \
		const struct line lines[] = {__VA_ARGS__};                                         \
		assert_lines(lines, sizeof(lines) / sizeof(*lines));                               \
	} while (0)

static void test_script_is_the_program(void **state)
{
	(void)state;
	ASSERT_LINES({"python3.11", "python3 orders.py --port 80", "orders.py", NULL},
		{"python3.11", "python3 /srv/shop/orders.py", "orders.py", NULL},
		{"python3", "/usr/bin/python3 -u -O ./orders.py", "orders.py", NULL},
		{"pypy3", "pypy3 orders.py", "orders.py", NULL},
		{"node", "node --require dotenv/config orders.js", "orders.js", NULL},
		{"node", "node --max-old-space-size=4096 dist/orders.mjs", "orders.mjs", NULL},
		{"node", "node --inspect inspect orders.js", "orders.js", NULL},
		{"ruby3.1", "ruby -W0 -r bundler/setup -Ilib /usr/bin/puma -C x", "puma", NULL},
		{"perl", "perl -w -T -Mstrict -I lib orders.pl", "orders.pl", NULL},
		{"php8.2", "php -d memory_limit=1G -f orders.php", "orders.php", NULL},
		{"php", "php -S 0.0.0.0:80 -t public router.php", "router.php", NULL},
		{"bash", "bash -euo pipefail -x /opt/backup.sh /data", "backup.sh", NULL},
		{"dash", "/bin/sh +x -e /etc/cron.daily/logrotate", "logrotate", NULL},
		{"lua5.4", "lua -l socket orders.lua", "orders.lua", NULL},
		{"tclsh8.6", "tclsh orders.tcl 1", "orders.tcl", NULL},
		{"R", "R --no-echo --no-restore --file=model.R --args x", "model.R", NULL},
		{"julia", "julia --project=. -t 4 model.jl", "model.jl", NULL},
		{"dotnet", "dotnet Shop.Orders.dll --urls x", "Shop.Orders.dll", NULL},
		{"dotnet", "dotnet exec --runtimeconfig a.json Shop.dll", "Shop.dll", NULL},
		{"mono-sgen", "mono --debug Shop.exe", "Shop.exe", NULL},
		{"deno", "deno run --allow-net --config d.json orders.ts", "orders.ts", NULL},
		{"bun", "bun orders.ts", "orders.ts", NULL});
}

static void test_modules_classes_and_archives(void **state)
{
	(void)state;
	ASSERT_LINES({"python3.11", "python3 -m http.server 8000", "http.server", NULL},
		{"python3.11", "python3 -um orders.worker", "orders.worker", NULL},
		{"python3.11", "python3 -Werror -morders", "orders", NULL},
		{"java", "java -Xmx1g -Dname=-jar -jar /opt/orders-1.4.2.jar x", "orders-1.4.2.jar",
			NULL},
		{"java", "java -cp a.jar:b.jar -Dx=y org.example.Orders --jar",
			"org.example.Orders", NULL},
		{"java", "java --module-path mods -m org.example/org.example.Orders", "org.example",
			NULL},
		{"java", "java --add-opens=java.base/java.lang=ALL-UNNAMED @args -jar shop.war",
			"shop.war", NULL},
		{"java", "java --source 17 Orders.java", "Orders.java", NULL});
}

static void test_code_input_and_prompts_name_nothing(void **state)
{
	(void)state;
	ASSERT_LINES({"python3.11", "python3", NULL, NULL}, {"python3.11", "python3 -", NULL, NULL},
		{"python3.11", "python3 -c import_secret orders.py", NULL, NULL},
		{"python3.11", "python3 -Ic code", NULL, NULL},
		{"dash", "sh -c code x", NULL, NULL}, {"bash", "bash", NULL, NULL},
		{"bash", "-bash", NULL, NULL}, {"bash", "bash -lc code", NULL, NULL},
		{"bash", "bash -s a", NULL, NULL}, {"perl", "perl -lane code", NULL, NULL},
		{"perl", "perl -pi -e code f", NULL, NULL}, {"ruby", "ruby -ne code", NULL, NULL},
		{"node", "node -e code", NULL, NULL}, {"node", "node --eval=code", NULL, NULL},
		{"php", "php -r code", NULL, NULL}, {"java", "java -version", NULL, NULL},
		{"dotnet", "dotnet run", NULL, NULL}, {"deno", "deno eval a.b/c", NULL, NULL},
		{"R", "R -e code", NULL, NULL});
}

static void test_other_executables_are_no_interpreters(void **state)
{
	static const char *const others[] = {"nginx", "pythonx", "python3-config", "php-fpm8.2",
		"nodemon", "javac", "shfmt", "perlbal", "", "3", "bashful"};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		ASSERT_LINES({others[i], "x orders.py", NULL, NULL});
		assert_false(process_command_has(others[i]));
	}
	assert_true(process_command_has("python3.11"));
}

static void test_names_that_say_too_little_give_way_to_folders(void **state)
{
	(void)state;
	ASSERT_LINES({"python3", "python3 /srv/orders/app.py", "orders", NULL},
		{"python3", "python3 /srv/orders/src/main.py", "orders", NULL},
		{"node", "node /opt/shop/dist/server.js", "shop", NULL},
		{"java", "java -jar /opt/till/app.jar", "till", NULL},
		{"bash", "bash /opt/till/bin/start.sh", "till", NULL},
		{"python3", "python3 /var/www/shop/releases/20240101120000/manage.py", "shop",
			NULL},
		{"python3", "python3 app.py", "orders", "/srv/orders"},
		{"python3", "python3 src/app.py", "orders", "/srv/orders"},
		{"python3", "python3 app.py", "orders", "/srv/orders/current/src"},
		{"node", "node .", "shop", "/srv/shop"}, {"node", "node .", NULL, "/"},
		{"python3", "python3 app.py", "app.py", "/app"},
		{"python3", "python3 /app/app.py", "app.py", "/srv/orders"},
		{"python3", "python3 manage.py", "manage.py", ""});
}

static void test_launchers_are_named_by_their_application(void **state)
{
	(void)state;
	ASSERT_LINES({"python3", "python3 /usr/bin/gunicorn -w 4 -b 0.0.0.0:80 orders:app",
			     "orders", NULL},
		{"python3", "python3 /usr/bin/gunicorn -c gunicorn.conf.py shop.wsgi", "shop",
			NULL},
		{"python3", "python3 -m uvicorn orders.main:app --host x", "orders", NULL},
		{"python3", "python3 -m uvicorn --factory orders:make()", "orders", NULL},
		{"python3", "python3 /usr/bin/gunicorn app:app", "orders", "/srv/orders"},
		{"python3", "python3 /usr/bin/gunicorn -b unix:/run/x.sock -e A=b:c", "gunicorn",
			NULL},
		{"python3", "python3 -m flask --app orders run -p 80", "orders", NULL},
		{"python3", "python3 /usr/bin/flask --app=orders.main:make('x') run", "orders",
			NULL},
		{"python3", "python3 /usr/bin/flask -A orders.py run", "orders", NULL},
		{"python3", "python3 /usr/bin/flask run", "flask", NULL},
		{"python3", "python3 /usr/bin/flask --app app run", "orders", "/srv/orders"},
		{"python3", "python3 /usr/bin/flask --app /srv/x/orders.py run", "flask", NULL},
		{"python3", "python3 /usr/bin/celery -A shop.mail worker", "shop", NULL},
		{"python3", "python3 /usr/bin/celery worker --app shop", "shop", NULL},
		{"node", "node /usr/bin/npx -y till --port 80", "till", NULL},
		{"node", "node /usr/bin/npx @shop/till@1.2 start", "till@1.2", NULL},
		{"node", "node /usr/lib/node_modules/npm/bin/npx-cli.js till", "till", NULL},
		{"node", "node /usr/bin/npx -p till other", "npx", NULL},
		{"node", "node /usr/bin/npx -c code", "npx", NULL});
}

static void test_uwsgi_is_named_by_what_it_serves(void **state)
{
	(void)state;
	ASSERT_LINES({"uwsgi-core", "uwsgi --http-socket 127.0.0.1:80 --module orders:app",
			     "orders", NULL},
		{"uwsgi", "uwsgi -s /run/x.sock -w orders.wsgi", "orders", NULL},
		{"uwsgi", "uwsgi --wsgi=orders.main:app -p 4", "orders", NULL},
		{"uwsgi_python3", "uwsgi --module wsgi", "shop", "/srv/shop"},
		{"uwsgi", "uwsgi --wsgi-file /srv/orders.py", "orders.py", NULL},
		{"uwsgi", "uwsgi --ini /etc/uwsgi/apps/orders.ini", "orders.ini", NULL},
		{"uwsgi", "uwsgi --ini /srv/shop/uwsgi.ini", "shop", NULL},
		{"uwsgi", "uwsgi -s /run/x.sock --plugin python3", NULL, NULL});
}

static void test_what_looks_like_data_is_no_name(void **state)
{
	(void)state;
	ASSERT_LINES({"bash", "bash /tmp/tmp.Xy12Zw", NULL, NULL},
		{"bash", "bash /tmp/8347238472.sh", NULL, NULL},
		{"bash", "bash /srv/orders-0d444a51b1f0.sh", "orders-0d444a51b1f0.sh", NULL},
		{"bash", "bash /home/runner/_temp/3b1e9f70-0d44-4a51-b1f0-0c1d2e3f4a5b.sh", NULL,
			NULL},
		{"python3", "python3 /srv/2024-01-01.py", NULL, NULL},
		{"python3", "python3 /srv/facade.py", "facade.py", NULL},
		{"python3", "python3 /srv/v2.py", "v2.py", NULL});
}

/* Long and odd arguments: nothing is read beyond, and nothing is named by the middle of one. */
static void test_long_and_hostile_arguments(void **state)
{
	static char line[200000];
	char name[NAME_LEN], *at = line;
	uint32_t seed = 1;

	(void)state;
	at += sprintf(at, "java -cp ");
	memset(at, 'x', 20000);
	strcpy(at + 20000, " org.example.Orders");
	ASSERT_LINES({"java", line, "org.example.Orders", NULL});
	memset(at, '/', 100000);
	strcpy(at + 100000, " org.example.Orders");
	ASSERT_LINES({"java", line, NULL, NULL}); /* beyond what is looked at */

	strcpy(line, "python3 /");
	memset(line + 9, 'a', 300);
	strcpy(line + 309, "/orders.py");
	ASSERT_LINES({"python3", line, NULL, NULL}); /* a path that is cut has no end to tell */
	line[9 + 200] = '\0';
	strcat(line, "/orders.py");
	ASSERT_LINES({"python3", line, "orders.py", NULL});

	for (int round = 0; round < 20000; round++) {
		static const char *const all[] = {"python3", "bash", "node", "java", "R", "deno"};
		size_t size = 1 + seed % 600;

		for (size_t i = 0; i < size; i++) {
			seed = seed * 1664525 + 1013904223;
			line[i] = "-./:=acmjexr@(\0\xff\x1b"[(seed >> 16) % 18];
		}
		process_command_find(all[round % 6], line, size, "/srv/./x", name);
		assert_non_null(memchr(name, '\0', NAME_LEN));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_script_is_the_program),
		cmocka_unit_test(test_modules_classes_and_archives),
		cmocka_unit_test(test_code_input_and_prompts_name_nothing),
		cmocka_unit_test(test_other_executables_are_no_interpreters),
		cmocka_unit_test(test_names_that_say_too_little_give_way_to_folders),
		cmocka_unit_test(test_launchers_are_named_by_their_application),
		cmocka_unit_test(test_uwsgi_is_named_by_what_it_serves),
		cmocka_unit_test(test_what_looks_like_data_is_no_name),
		cmocka_unit_test(test_long_and_hostile_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
