// SPDX-License-Identifier: Apache-2.0
// A server of Node's own module; each answer is a line `method target status`.
const fs = require("fs"), http = require("http")
const statuses = {"/moved": 301, "/missing": 404, "/empty": 204, "/broken": 500}
const server = http.createServer((request, response) => {
    request.resume().on("end", () => {
        response.statusCode = statuses[request.url] ?? 200
        response.end(response.statusCode === 204 ? undefined : "hello\n")
        fs.writeSync(1, `${request.method} ${request.url} ${response.statusCode}\n`)
    })
})
const address = process.argv[2]
server.listen(...(address.startsWith("/") ? [address] : [+address, "127.0.0.1"]))
