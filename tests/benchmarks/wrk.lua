-- Asks for the addresses of a file, one after another, and tells what came of it in one line.
local requests, n = {}, 0

function init(arguments)
  for path in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", path)
  end
end

function request()
  n = n % #requests + 1
  return requests[n]
end

function done(summary)
  local e = summary.errors
  io.write(string.format("counted %d %d %d %d %d %d\n", summary.requests, summary.duration,
    e.status, e.connect, e.read, e.timeout))
end
