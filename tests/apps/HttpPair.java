// SPDX-License-Identifier: Apache-2.0
// usage: java HttpPair.java serve ADDRESS PORT | get URL
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;

class HttpPair {
	static void serve(String address, int port) throws Exception {
		var server = HttpServer.create(
			new InetSocketAddress(address, port), 64);
		server.createContext("/", request -> {
			byte[] body = request.getRequestBody().readAllBytes();
			if (body.length == 0)
				body = "hello from java\n".getBytes();
			request.sendResponseHeaders(200, body.length);
			request.getResponseBody().write(body);
			request.close();
		});
		server.setExecutor(Executors.newFixedThreadPool(8));
		server.start();
	}

	static void get(String url) throws Exception {
		var client = HttpClient.newBuilder()
			.version(HttpClient.Version.HTTP_1_1).build();
		var all = new ArrayList<CompletableFuture<Integer>>();
		byte[] body = new byte[100000];
		long sum = 0;
		for (int n = 0; n < 50; n++) {
			var request = HttpRequest.newBuilder(URI.create(url))
				.POST(HttpRequest.BodyPublishers.ofByteArray(body))
				.build();
			all.add(client.sendAsync(request,
				HttpResponse.BodyHandlers.ofByteArray())
				.thenApply(r -> r.body().length));
		}
		for (var one : all)
			sum += one.get();
		System.out.println(sum + " bytes came back");
		System.exit(0);
	}

	public static void main(String[] args) throws Exception {
		if (args[0].equals("serve"))
			serve(args[1], Integer.parseInt(args[2]));
		else
			get(args[1]);
	}
}
