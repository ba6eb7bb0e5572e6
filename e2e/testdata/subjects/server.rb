# A small service with a thread for each client.
require 'socket'
require 'json'

server = TCPServer.new('0.0.0.0', 8080)
loop do
  Thread.start(server.accept) do |client|
    request = client.gets
    body = { request: request, at: Time.now.to_i }.to_json
    client.write "HTTP/1.1 200 OK\r\nContent-Length: #{body.bytesize}\r\nConnection: close\r\n\r\n#{body}"
    client.close
  end
end
