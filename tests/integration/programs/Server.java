// SPDX-License-Identifier: Apache-2.0

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.concurrent.Executors;

/** The server of the JDK; each answer is a line `method target status`. */
class Server {
    static final Map<String, Integer> STATUSES =
        Map.of("/moved", 301, "/missing", 404, "/empty", 204, "/broken", 500);

    static void answer(HttpExchange exchange) throws IOException {
        String method = exchange.getRequestMethod(), path = exchange.getRequestURI().getPath();
        exchange.getRequestBody().readAllBytes();
        int status = STATUSES.getOrDefault(path, 200);
        boolean body = status != 204 && !method.equals("HEAD");
        exchange.sendResponseHeaders(status, body ? 6 : -1);
        if (body)
            exchange.getResponseBody().write("hello\n".getBytes());
        exchange.close();
        System.out.println(method + " " + path + " " + status);
    }

    public static void main(String[] arguments) throws IOException {
        int port = Integer.parseInt(arguments[0]);
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        server.createContext("/", Server::answer);
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.start();
    }
}
