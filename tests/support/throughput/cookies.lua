-- Users of every bucket in turn. Arguments: the name of the cookie, the host. What was seen is the last line, as JSON.
local requests, last = {}, 0

function init(arguments)
  wrk.headers["Host"] = arguments[2]
  for bucket = 0, 99 do
    wrk.headers["Cookie"] = arguments[1] .. "=" .. bucket
    requests[bucket + 1] = wrk.format("GET", "/")
  end
end

function request()
  last = last % 100 + 1
  return requests[last]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "refused": %d, "broken": %d, "p50": %d, "p99": %d}\n',
    summary.requests,
    summary.duration / 1e6,
    errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50),
    latency:percentile(99)
  ))
end
