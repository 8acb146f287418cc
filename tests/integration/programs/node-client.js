// SPDX-License-Identifier: Apache-2.0
// Makes a number of requests, each `method target` by turns, over four connections that are kept.
// Each answer is a line `method target status`.
const fs = require("fs"), http = require("http")
const [port, requests, ...asks] = process.argv.slice(2)
const agent = new http.Agent({keepAlive: true, maxSockets: 4})
let next = 0
function ask() {
    if (next >= +requests)
        return
    const [method, path] = asks[next++ % asks.length].split(" ")
    const request = http.request({host: "127.0.0.1", port, method, path, agent}, response => {
        fs.writeSync(1, `${method} ${path} ${response.statusCode}\n`)
        response.resume().on("end", ask)
    })
    request.end(method === "POST" ? "GET / HTTP/1.1\r\n\r\n" : undefined)
}
for (let i = 0; i < 8; i++)
    ask()
