require "socket"

server = TCPServer.new("127.0.0.1", 8000)
loop do
  client = server.accept
  nil until client.gets.strip.empty?
  body = File.read("/srv/greeting")
  client.write "HTTP/1.1 200 OK\r\nContent-Length: #{body.size}\r\nConnection: close\r\n\r\n#{body}"
  client.close
end
