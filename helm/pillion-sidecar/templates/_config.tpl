{{/*
The address of the Service of the cluster's DNS; nothing if there is none. Takes {namespace, name}. If the API server forbids reading it, Helm ends with that error and the names of the
templates, and no template can continue: so this template's name is the remedy.
*/}}
{{- define "pillion-sidecar: without the right to read this Service set clusterDNS.address, which any pod has in /etc/resolv.conf" -}}
{{- dig "spec" "clusterIP" "" (lookup "v1" "Service" .namespace .name | default dict) -}}
{{- end -}}

{{/* IP address of the cluster's DNS: the given one, else a looked-up one if requested, else an error that says where to find it. */}}
{{- define "pillion-sidecar.clusterDNSAddress" -}}
{{- $v := include "pillion-sidecar.values" . | fromYaml -}}
{{- $key := include "pillion-sidecar.key" . -}}
{{- $address := $v.clusterDNS.address -}}
{{- $why := "is empty" -}}
{{- if and (not $address) $v.clusterDNS.lookup -}}
{{- if or (eq $v.platform "gke") (contains "-gke." .Capabilities.KubeVersion.Version) -}}
{{- $why = "is empty, and is not looked up in GKE, whose Cloud DNS and NodeLocal DNSCache are behind no Service" -}}
{{- else -}}
{{- $service := dict "namespace" "kube-system" "name" "kube-dns" -}}
{{- if eq $v.platform "openshift" -}}{{- $service = dict "namespace" "openshift-dns" "name" "dns-default" -}}{{- end -}}
{{- $address = include "pillion-sidecar: without the right to read this Service set clusterDNS.address, which any pod has in /etc/resolv.conf" $service -}}
{{- $why = printf "is empty, and no Service %s with a cluster IP was found in %s (helm template and --dry-run=client do not look)" $service.name $service.namespace -}}
{{- end -}}
{{- end -}}
{{- if or (not $address) (eq $address "None") -}}
{{- fail (printf "\n\nThe address of the cluster's DNS is not known: %s.clusterDNS.address %s.\nAny running pod without a dnsPolicy of its own has it:   kubectl exec POD -- grep nameserver /etc/resolv.conf\nSet it:   --set %s.clusterDNS.address=ADDRESS   or once for all charts of a release:   --set global.clusterDNS.address=ADDRESS\nor, if pods need no names of the cluster:   --set %s.clusterDNS.enabled=false\n" $key $why $key $key) -}}
{{- end -}}
{{- $family := ternary "IPv6" "IPv4" (contains ":" $address) -}}
{{- if ne $family $v.ipFamily -}}
{{- fail (printf "\n\n%s.ipFamily is %s, and the cluster's DNS has an address of %s, %s: set ipFamily to the family of the pods' first address\n" $key $v.ipFamily $family $address) -}}
{{- end -}}
{{- $address -}}
{{- end -}}

{{/* The networks whose reverse zones go to the cluster: all private ones (RFC 1918, 6598, 4193), and its own. A JSON list. */}}
{{- define "pillion-sidecar.networks" -}}
{{- concat (list "10.0.0.0/8" "172.16.0.0/12" "192.168.0.0/16" "100.64.0.0/10" "fc00::/7") . | uniq | toJson -}}
{{- end -}}

{{/*
The reverse zones that cover a network (RFC 1035 section 3.5, RFC 3596 section 2.5): one for each value of the label in which the prefix
ends. Takes the network. A JSON list.
*/}}
{{- define "pillion-sidecar.reverseZones" -}}
{{- $address := splitList "/" . | first -}}
{{- $length := splitList "/" . | last | int -}}
{{- $v6 := contains ":" $address -}}
{{- $width := ternary 4 8 $v6 -}}
{{- $labels := splitList "." $address -}}
{{- if $v6 -}}
{{- $digits := "" -}}
{{- range splitList ":" (splitList "::" $address | first) -}}
{{- $digits = printf "%s%s" $digits (printf "%04s" . | replace " " "0" | lower) -}}
{{- end -}}
{{- $labels = splitList "" (printf "%s%s" $digits (repeat (sub 32 (len $digits) | int) "0")) -}}
{{- end -}}
{{- $whole := div $length $width | int -}}
{{- $free := sub $width (mod $length $width) | int -}}
{{- $zones := list -}}
{{- $end := ternary "ip6.arpa" "in-addr.arpa" $v6 -}}
{{- $fixed := slice $labels 0 $whole -}}
{{- if eq $free $width -}}
{{- $zones = list (append (reverse $fixed) $end | join ".") -}}
{{- else -}}
{{- $count := index (list 1 2 4 8 16 32 64 128) $free -}}
{{- $value := index $labels $whole | printf (ternary "0x%s" "%s" $v6) | int -}}
{{- $first := sub $value (mod $value $count) -}}
{{- range until $count -}}
{{- $label := printf (ternary "%x" "%d" $v6) (add $first .) -}}
{{- $zones = append $zones (append (append $fixed $label | reverse) $end | join ".") -}}
{{- end -}}
{{- end -}}
{{- $zones | toJson -}}
{{- end -}}

{{/* A zone in the form for comparisons: lower case, without a final dot. */}}
{{- define "pillion-sidecar.plainZone" -}}
{{- trimSuffix "." . | lower | default "." -}}
{{- end -}}

{{/*
pillion.yaml. Takes {root, listen, search, defaults}: the addresses to listen on, whether clients share this pod's search list, and
defaults of top-level keys. The value `config` takes precedence over what follows from the other values.
*/}}
{{- define "pillion-sidecar.renderConfig" -}}
{{- $v := include "pillion-sidecar.values" .root | fromYaml -}}
{{- $given := $v.config | default dict -}}
{{- $upstreams := $given.upstreams | default (include "pillion-sidecar.publicUpstreams" $v | fromYaml) | deepCopy -}}
{{- $routes := $given.routes | default list -}}
{{- $zones := list -}}
{{- range $routes -}}
{{- $own := list -}}
{{- with .zone -}}{{- $own = list (include "pillion-sidecar.plainZone" .) -}}{{- end -}}
{{- with .network -}}{{- $own = include "pillion-sidecar.reverseZones" . | fromJsonArray -}}{{- end -}}
{{- range $own -}}
{{- if has . $zones -}}{{- fail (printf "\n\nconfig.routes has the zone %s twice\n" .) -}}{{- end -}}
{{- $zones = append $zones . -}}
{{- end -}}
{{- end -}}
{{- $encrypted := keys $upstreams | sortAlpha -}}
{{- if $v.clusterDNS.enabled -}}
{{- if not (hasKey $upstreams "cluster") -}}
{{- $address := include "pillion-sidecar.clusterDNSAddress" .root -}}
{{- $server := dict "address" (printf "%s:53" (include "pillion-sidecar.bracketed" $address)) -}}
{{- $_ := set $upstreams "cluster" (dict "protocol" "udp" "servers" (list $server)) -}}
{{- end -}}
{{- $encrypted = without $encrypted "cluster" -}}
{{- range prepend (include "pillion-sidecar.platformZones" $v.platform | fromJsonArray) $v.clusterDNS.domain -}}
{{- if not (has . $zones) -}}
{{- $zones = append $zones . -}}
{{- $routes = append $routes (dict "zone" . "upstream" "cluster") -}}
{{- end -}}
{{- end -}}
{{- range include "pillion-sidecar.networks" $v.clusterDNS.networks | fromJsonArray -}}
{{- $covering := include "pillion-sidecar.reverseZones" . | fromJsonArray -}}
{{- $missing := list -}}
{{- range $covering -}}{{- if not (has . $zones) -}}{{- $missing = append $missing . -}}{{- end -}}{{- end -}}
{{- $zones = concat $zones $missing -}}
{{- if eq (len $missing) (len $covering) -}}
{{- $routes = append $routes (dict "network" . "upstream" "cluster") -}}
{{- else -}}
{{- range $missing -}}{{- $routes = append $routes (dict "zone" . "upstream" "cluster") -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not (has "." $zones) -}}
{{- $default := "public" -}}
{{- if not (has "public" $encrypted) -}}
{{- if ne (len $encrypted) 1 -}}
{{- fail (printf "\n\nconfig.routes needs a route for the zone \".\": the upstreams are %s, and none is named public\n" (join ", " $encrypted)) -}}
{{- end -}}
{{- $default = first $encrypted -}}
{{- end -}}
{{- $routes = append $routes (dict "zone" "." "upstream" $default) -}}
{{- end -}}
{{- $used := list -}}
{{- range $routes -}}{{- $used = append $used (.upstream | default "") -}}{{- end -}}
{{- range without ($used | uniq) "" -}}
{{- if not (hasKey $upstreams .) -}}
{{- fail (printf "\n\nconfig.routes names the upstream %s, which does not exist: the upstreams are %s\n" . (keys $upstreams | sortAlpha | join ", ")) -}}
{{- end -}}
{{- end -}}
{{- if and (not $given.upstreams) (not (has "public" $used)) -}}{{- $_ := unset $upstreams "public" -}}{{- end -}}
{{- range keys $upstreams | sortAlpha -}}
{{- if not (has . $used) -}}
{{- fail (printf "\n\nconfig.upstreams has %s, which no route uses: add to config.routes one such as {zone: corp.example, upstream: %s}\n" . .) -}}
{{- end -}}
{{- end -}}
{{- $any := ternary "[::]" "0.0.0.0" (eq $v.ipFamily "IPv6") -}}
{{- $config := merge (omit $given "upstreams" "routes" "search" | deepCopy) (.defaults | default dict) -}}
{{- $_ := set $config "dns" (merge (dict "listen" .listen) ($given.dns | default dict)) -}}
{{- $_ := set $config "http" (dict "listen" (printf "%s:%v" $any $v.httpPort)) -}}
{{- $_ := set $config "upstreams" $upstreams -}}
{{- $_ := set $config "routes" $routes -}}
{{- /* The kubelet writes the pod's dnsConfig into this file. config.search can only be false. */ -}}
{{- if and .search (not (hasKey $given "search")) -}}
{{- $_ := set $config "search" (dict "resolv_conf" "/etc/resolv.conf") -}}
{{- end -}}
{{- include "pillion-sidecar.checkPlaintext" $upstreams -}}
{{- include "pillion-sidecar.checkFiles" (dict "v" $v "upstreams" $upstreams) -}}
{{- toYaml $config -}}
{{- end -}}

{{/* Cloudflare and Quad9. Takes the values. */}}
{{- define "pillion-sidecar.publicUpstreams" -}}
public:
  servers:
    - {address: {{ ternary "[2606:4700:4700::1111]:853" "1.1.1.1:853" (eq .ipFamily "IPv6") | quote }}, tls_name: cloudflare-dns.com}
    - {address: {{ ternary "[2620:fe::fe]:853" "9.9.9.9:853" (eq .ipFamily "IPv6") | quote }}, tls_name: dns.quad9.net}
{{- end -}}

{{/* Fails if an upstream in the clear has a key that is about encryption. Renders nothing. Takes the upstreams. */}}
{{- define "pillion-sidecar.checkPlaintext" -}}
{{- range $name, $upstream := . -}}
{{- $protocol := $upstream.protocol | default "tls" -}}
{{- if ne $protocol "tls" -}}
{{- $found := list -}}
{{- range list "tls" "padding" -}}{{- if hasKey $upstream . -}}{{- $found = append $found . -}}{{- end -}}{{- end -}}
{{- range $number, $server := $upstream.servers -}}
{{- range list "tls_name" "pins" -}}
{{- if hasKey $server . -}}{{- $found = append $found (printf "servers[%d].%s" $number .) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- range $found -}}
{{- fail (printf "\n\nconfig.upstreams.%s.%s is only for protocol tls, and this upstream has protocol: %s. Remove it, or set protocol: tls\n" $name . $protocol) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Fails if a file would be missing when Pillion starts. Renders nothing. Takes {v, upstreams}. */}}
{{- define "pillion-sidecar.checkFiles" -}}
{{- $files := list -}}
{{- range $name, $upstream := .upstreams -}}
{{- $tls := $upstream.tls | default dict -}}
{{- $pair := list ($tls.client_cert | default "") ($tls.client_key | default "") -}}
{{- if eq (without $pair "" | len) 1 -}}
{{- fail (printf "\n\nconfig.upstreams.%s.tls has only one of client_cert and client_key: set both or neither\n" $name) -}}
{{- end -}}
{{- $files = concat $files (list ($tls.ca_file | default "")) $pair -}}
{{- end -}}
{{- $mounted := list -}}
{{- range .v.extraVolumeMounts -}}{{- $mounted = append $mounted .mountPath -}}{{- end -}}
{{- $places := dict "/etc/pillion-client" (list "clientTLS.secretName" .v.clientTLS.secretName) "/etc/pillion-ca" (list "ca.configMapName or ca.secretName" (or .v.ca.configMapName .v.ca.secretName)) -}}
{{- range $place, $value := $places -}}
{{- $needed := "" -}}
{{- range $files -}}{{- if hasPrefix (printf "%s/" $place) . -}}{{- $needed = . -}}{{- end -}}{{- end -}}
{{- if and $needed (not (last $value)) (not (has $place $mounted)) -}}
{{- fail (printf "\n\nconfig.upstreams names the file %s, and no volume is mounted at %s: set %s\n" $needed $place (first $value)) -}}
{{- end -}}
{{- if and (last $value) (not $needed) -}}
{{- fail (printf "\n\n%s is %s, and no upstream of config.upstreams names a file in %s: set tls.%s of an upstream\n" (first $value) (last $value) $place (ternary "ca_file" "client_cert and tls.client_key" (eq $place "/etc/pillion-ca"))) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* pillion.yaml of a sidecar. */}}
{{- define "pillion-sidecar.config" -}}
{{- $listen := printf "%s:53" (include "pillion-sidecar.bracketed" (include "pillion-sidecar.loopback" .)) -}}
{{- include "pillion-sidecar.renderConfig" (dict "root" . "listen" (list $listen) "search" true) -}}
{{- end -}}
