# Ruby clients: `client.rb sdk` or `client.rb net`. One job a line, and one result a line.

require "aws-sdk-core"
require "json"
require "logger"
require "net/http"
require "stringio"

def snake(name)
  name.gsub(/IAM/, "Iam").gsub(/([a-z])([A-Z])/, '\1_\2').downcase
end

def call_sdk(job, wire)
  client = Aws::SSOOIDC::Client.new(
    region: job["region"], retry_limit: 2, retry_backoff: ->(_) { sleep 0.01 },
    http_open_timeout: job["timeout"], http_read_timeout: job["timeout"], http_proxy: job["proxy"],
    logger: job["debug"] ? Logger.new(wire) : nil, log_level: :debug, http_wire_trace: job["debug"]
  )
  operation = snake(job["operation"])
  return "not in this version" unless client.respond_to?(operation)

  client.public_send(operation, job["input"].to_h { |name, value| [snake(name).to_sym, value] })
  nil
end

def call_net(job, _wire)
  uri = URI("https://oidc.#{job['region']}.amazonaws.com#{job['path']}")
  proxy = URI(job["proxy"]) if job["proxy"]
  http = Net::HTTP.new(uri.host, uri.port, proxy&.host, proxy&.port)
  http.use_ssl = true
  http.open_timeout = http.read_timeout = job["timeout"]
  http.max_retries = 0
  # Raises Net::HTTPClientException or Net::HTTPFatalError.
  http.post(uri.request_uri, job["input"].to_json, "Content-Type" => "application/json").value
  nil
end

def written
  stream = StringIO.new
  yield Logger.new(stream)
  stream.string
end

def forms(error, operation)
  {
    "message" => error.message,
    "inspect" => error.inspect,
    "full-message" => error.full_message(highlight: false),
    "full-message-colours" => error.full_message(highlight: true),
    "class-message" => "#{error.class}: #{error.message}",
    "logger" => written { |to| to.error(error) },
    "logger-line" => written { |to| to.error("acme-signin") { "#{operation} failed: #{error.class} (#{error.message})" } },
    "logger-json" => written { |to|
      to.formatter = ->(severity, time, _, error) {
        { time: time, level: severity, error: error.class.name, message: error.message, backtrace: error.backtrace }.to_json + "\n"
      }
      to.error(error)
    },
  }
end

$stdin.each_line do |line|
  job = JSON.parse(line)
  wire = StringIO.new
  begin
    why = ARGV[0] == "sdk" ? call_sdk(job, wire) : call_net(job, wire)
    answer = { skip: why }.compact
  rescue StandardError => error
    answer = { forms: forms(error, job["operation"]), events: { debug: wire.string } }
  end
  puts JSON.generate(answer)
  $stdout.flush
end
