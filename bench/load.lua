-- Sends the requests of a file one after another, over and over, and tells what came of them as one line of JSON.
-- A line of the file: method, path, headers ("Name: value" joined with "|") and body, with tabs between.

local requests, last = {}, 0

function init(arguments)
   for line in io.lines(arguments[1]) do
      local method, path, listed, body = line:match("^(.-)\t(.-)\t(.-)\t(.*)$")
      local headers = {}
      for name, value in listed:gmatch("([^:|]+): ([^|]+)") do
         headers[name] = value
      end
      requests[#requests + 1] = wrk.format(method, path, headers, body ~= "" and body or nil)
   end
   -- Rounds do not begin with the same few requests.
   last = tonumber(arguments[2]) % #requests
end

function request()
   last = last % #requests + 1
   return requests[last]
end

function done(summary, latency)
   local shares = {}
   for _, share in ipairs({10, 25, 50, 75, 90, 95, 99, 99.9}) do
      shares[#shares + 1] = string.format('"%s": %d', share, latency:percentile(share))
   end
   local errors = summary.errors
   io.write(string.format(
      '{"requests": %d, "microseconds": %d, "bytes": %d, "refused": %d, "broken": %d, "latency": {%s}}\n',
      summary.requests, summary.duration, summary.bytes, errors.status,
      errors.connect + errors.read + errors.write + errors.timeout, table.concat(shares, ", ")))
end
