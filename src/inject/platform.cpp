#include "inject/platform.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace pillion::inject {
namespace {

// The zones of each provider's services that applications ask for, not those of the private addresses. A public
// resolver would follow the alias from db.database.windows.net to db.privatelink.database.windows.net itself, and
// return the public address at its end. `internal` is reserved for private use (ICANN, 2024): a public resolver can
// only deny its names, and would learn them. The zones beneath `internal` are listed too, so that they stay private if
// `internal` has a route of the user's own.

/// The metadata server and the names of machines (Google Cloud's page about internal DNS names). Zones that a network
/// may serve privately, for Private Google Access, VPC Service Controls and Private Service Connect (its pages about
/// private connectivity, and about registries in private clusters).
constexpr auto gke =
    std::to_array<std::string_view>({"gcr.io", "google.internal", "googleapis.com", "internal", "pkg.dev"});

/// Names of machines: ec2.internal in us-east-1, REGION.compute.internal elsewhere (AWS' page about DNS attributes of
/// a VPC). Services with private addresses in a VPC: interface endpoints, file systems, the API server of a private
/// cluster (its pages about PrivateLink and EFS, and about the cluster's API server endpoint, which has
/// REGION.eks.amazonaws.com, since October 2024 REGION.api.aws for IPv6, and in China amazonwebservices.com.cn).
constexpr auto eks = std::to_array<std::string_view>({"amazonaws.com", "amazonaws.com.cn", "amazonwebservices.com.cn",
                                                      "api.aws", "compute.internal", "ec2.internal", "internal"});

/// Names of machines: internal.cloudapp.net (Azure's page about name resolution in virtual networks). The zones that
/// Azure's page "Azure Private Endpoint private DNS zone values" calls the public forwarders of the zones
/// privatelink.*, such as azmk8s.io of the API server of a private cluster: the table of the commercial cloud as of
/// May 2026. The government's and China's clouds have other zones.
constexpr auto aks = std::to_array<std::string_view>({"api.adu.microsoft.com",
                                                      "api.videoindexer.ai",
                                                      "aznbcontent.net",
                                                      "azconfig.io",
                                                      "azmk8s.io",
                                                      "azure-api.net",
                                                      "azure-automation.net",
                                                      "azure-devices.net",
                                                      "azure-devices-provisioning.net",
                                                      "azure.com",
                                                      "azure.net",
                                                      "azurecontainerapps.io",
                                                      "azurecr.io",
                                                      "azuredatabricks.net",
                                                      "azurehdinsight.net",
                                                      "azurehealthcareapis.com",
                                                      "azureiotcentral.com",
                                                      "azureml.ms",
                                                      "azurestaticapps.net",
                                                      "azuresynapse.net",
                                                      "azurewebsites.net",
                                                      "botframework.com",
                                                      "fabric.microsoft.com",
                                                      "internal",
                                                      "internal.cloudapp.net",
                                                      "powerquery.microsoft.com",
                                                      "purview-service.microsoft.com",
                                                      "services.visualstudio.com",
                                                      "signalr.net",
                                                      "windows.net",
                                                      "windowsazure.com",
                                                      "wvd.microsoft.com"});

/// Names of machines in most clouds. The cluster's own domain, with api-int and apps, is not known here.
constexpr auto openshift = std::to_array<std::string_view>({"internal"});

using Name = std::pair<std::string_view, Platform>;
constexpr std::array platform_names{Name{"none", Platform::none}, Name{"gke", Platform::gke},
                                    Name{"eks", Platform::eks}, Name{"aks", Platform::aks},
                                    Name{"openshift", Platform::openshift}};

}  // namespace

std::optional<Platform> platform_from(std::string_view text) {
  const auto* const found = std::ranges::find(platform_names, text, &Name::first);
  return found == platform_names.end() ? std::nullopt : std::optional(found->second);
}

std::span<const std::string_view> platform_zones(Platform platform) {
  switch (platform) {
    case Platform::gke:
      return gke;
    case Platform::eks:
      return eks;
    case Platform::aks:
      return aks;
    case Platform::openshift:
      return openshift;
    case Platform::none:
      break;
  }
  return {};
}

}  // namespace pillion::inject
