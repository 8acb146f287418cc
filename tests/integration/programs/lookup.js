// SPDX-License-Identifier: Apache-2.0

// Looks up the addresses of each name with c-ares, and prints a line for each.
const { promises: dns } = require("dns");

(async () => {
  for (const name of process.argv.slice(2))
    for (const resolve of [dns.resolve4, dns.resolve6])
      console.log(name, await resolve(name).then((addresses) => addresses, (error) => error.code));
})();
