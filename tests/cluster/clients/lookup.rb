# Resolves what stands on standard input, "KIND NAME" a line, by Ruby's own resolver. Prints a line for each: KIND, NAME and the words that
# came of it, parted by tabs.
require 'resolv'

def found(dns, kind, name)
  case kind
  when 'host' then dns.getaddresses(name).map(&:to_s)
  when 'ptr' then dns.getnames(name).map(&:to_s)
  else
    dns.getresources(name, Resolv::DNS::Resource::IN::SRV).map do |one|
      "#{one.priority},#{one.weight},#{one.port},#{one.target}"
    end
  end
end

Resolv::DNS.open do |dns|
  $stdin.each_line do |line|
    kind, name = line.split
    words = begin
      found(dns, kind, name)
    rescue StandardError => e
      [e.class.name]
    end
    puts [kind, name, *words].join("\t")
  end
end
